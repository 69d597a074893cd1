/** The images that figures are quoted for: Debian 12, and Debian 12 with what a batch worker or a web server needs. */

import { existsSync } from 'node:fs'
import { mkdir, rename, rm, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { findTool, run } from '../support/images.ts'

const IMAGE_BYTES = 2 * 1024 ** 3
const BASE = ['openssh-server', 'ca-certificates', 'python3', 'perl', 'vim']
const WORKER = [...BASE, 'slurmd', 'munge', 'gcc', 'g++', 'make', 'environment-modules']
const WEB = [...BASE, 'nginx', 'postgresql', 'php-fpm', 'git']

/** One Debian as a file system and as the archive that it was made from. */
interface Debian {
  readonly image: string
  readonly tar: string
}

export interface Debians {
  readonly base: Debian
  readonly worker: Debian
  readonly web: Debian
}

/** Makes what is not yet in `directory`, ext4 images and tars; that takes some minutes, and root. */
export async function debians(directory: string, say: (text: string) => void): Promise<Debians> {
  const [base, worker] = await baseAndWorker(directory, say)
  return { base, worker, web: await debian(join(directory, 'bookworm-web'), WEB, say) }
}

/** @returns paths of the ext4 images of the base and of the batch worker */
export async function debianPair(directory: string, say: (text: string) => void): Promise<[string, string]> {
  const [base, worker] = await baseAndWorker(directory, say)
  return [base.image, worker.image]
}

async function baseAndWorker(directory: string, say: (text: string) => void): Promise<[Debian, Debian]> {
  await mkdir(directory, { recursive: true })
  return [
    await debian(join(directory, 'bookworm'), BASE, say),
    await debian(join(directory, 'bookworm-batch'), WORKER, say),
  ]
}

async function debian(path: string, packages: readonly string[], say: (text: string) => void): Promise<Debian> {
  const made = { image: `${path}.img`, tar: `${path}.tar` }
  if (existsSync(made.image) && existsSync(made.tar)) return made
  const [mmdebstrap, mke2fs, tar] = ['mmdebstrap', 'mke2fs', 'tar'].map(findTool)
  if (mmdebstrap === undefined || mke2fs === undefined || tar === undefined || process.getuid?.() !== 0) {
    throw new Error('making the Debian images needs root, mmdebstrap, mke2fs and tar; or give two images: A.img B.img')
  }
  say(`making ${made.image} and ${made.tar}`)
  const [tree, archive, image] = [`${path}.tree`, `${path}.part.tar`, `${path}.part.img`]
  await Promise.all([tree, archive, image].map((part) => rm(part, { recursive: true, force: true })))
  await run(mmdebstrap, ['--quiet', `--include=${packages.join(',')}`, 'bookworm', archive])
  await mkdir(tree)
  await run(tar, ['-C', tree, '-xf', archive])
  await writeFile(image, '')
  await truncate(image, IMAGE_BYTES)
  await run(mke2fs, ['-q', '-F', '-t', 'ext4', '-d', tree, image])
  await rm(tree, { recursive: true, force: true })
  await rename(archive, made.tar)
  await rename(image, made.image)
  return made
}
