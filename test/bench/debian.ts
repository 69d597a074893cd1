/** The pair of images that figures are quoted for: Debian 12, and Debian 12 with what a batch worker needs. */

import { existsSync } from 'node:fs'
import { mkdir, rename, rm, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { findTool, run } from '../support/images.ts'

const IMAGE_BYTES = 2 * 1024 ** 3
const BASE = ['openssh-server', 'ca-certificates', 'python3', 'perl', 'vim']
const WORKER = [...BASE, 'slurmd', 'munge', 'gcc', 'g++', 'make', 'environment-modules']

/** @returns paths of two ext4 images in `directory`; they are made at the first call, which takes some minutes and root */
export async function debianPair(directory: string, say: (text: string) => void): Promise<[string, string]> {
  await mkdir(directory, { recursive: true })
  return [
    await debianImage(join(directory, 'bookworm'), BASE, say),
    await debianImage(join(directory, 'bookworm-batch'), WORKER, say),
  ]
}

async function debianImage(path: string, packages: readonly string[], say: (text: string) => void): Promise<string> {
  const image = `${path}.img`
  if (existsSync(image)) return image
  const [mmdebstrap, mke2fs] = [findTool('mmdebstrap'), findTool('mke2fs')]
  if (mmdebstrap === undefined || mke2fs === undefined || process.getuid?.() !== 0) {
    throw new Error('making the Debian images needs root, mmdebstrap and mke2fs; or give two images: A.img B.img')
  }
  say(`making ${image}`)
  const tree = `${path}.tree`
  await rm(tree, { recursive: true, force: true })
  await run(mmdebstrap, ['--quiet', `--include=${packages.join(',')}`, 'bookworm', tree])
  const part = `${image}.part`
  await writeFile(part, '')
  await truncate(part, IMAGE_BYTES)
  await run(mke2fs, ['-q', '-F', '-t', 'ext4', '-d', tree, part])
  await rm(tree, { recursive: true, force: true })
  await rename(part, image)
  return image
}
