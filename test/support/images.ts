/** Images made from real files that every machine with this checkout has. */
import { spawn } from 'node:child_process'
import { createWriteStream, existsSync } from 'node:fs'
import { cp, lstat, mkdir, open, readdir, readFile, readlink, truncate, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { pack } from 'tar-stream'
import { ROOT } from './sources.ts'

const TOOL_DIRECTORIES = [...(process.env.PATH ?? '').split(':'), '/usr/sbin', '/sbin', '/usr/local/sbin']

/** Absolute path of a system tool, if the machine has it. */
export function findTool(name: string): string | undefined {
  return TOOL_DIRECTORIES.map((directory) => join(directory, name)).find((path) => existsSync(path))
}

/** Runs a tool and fails with what it printed. */
export async function run(command: string, args: readonly string[]): Promise<string> {
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'] })
  let text = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (part) => {
      text += part
    })
  }
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  child.once('error', reject)
  child.once('close', (status) => {
    if (status === 0) resolve()
    else reject(new Error(`${basename(command)} ${args.join(' ')}: status ${status}: ${text.slice(-500)}`))
  })
  await promise
  return text
}

/** Copies installed packages of this checkout (each a real tree of files) below `tree`. */
export async function copyPackages(tree: string, packages: readonly string[]): Promise<void> {
  for (const name of packages) {
    const to = join(tree, 'usr', 'lib', 'node_modules', name)
    await cp(join(ROOT, 'node_modules', name), to, { recursive: true, verbatimSymlinks: true })
  }
}

/** A new release of a tree: here and there a file is changed, in the middle and in length. */
export async function editFiles(tree: string, every: number): Promise<number> {
  const names = (await readdir(tree, { recursive: true })).filter((name) => name.endsWith('.json')).sort()
  let changed = 0
  for (let i = 0; i < names.length; i += every) {
    const path = join(tree, names[i]!)
    if (!(await lstat(path)).isFile()) continue
    const text = await readFile(path, 'utf8')
    await writeFile(path, `${text.slice(0, text.length / 2)}\n\n${text.slice(text.length / 2)}`)
    changed++
  }
  return changed
}

export interface MadeImage {
  readonly path: string
  readonly format: 'ext4' | 'tar'
}

/** An ext4 disk image of a tree where the machine has mke2fs, else a tar. @param bytes size of the disk */
export async function makeImage(tree: string, path: string, bytes: number): Promise<MadeImage> {
  const mke2fs = findTool('mke2fs')
  if (mke2fs === undefined) return { path: await makeTar(tree, `${path}.tar`), format: 'tar' }
  return { path: await makeExt4(mke2fs, tree, `${path}.img`, bytes), format: 'ext4' }
}

async function makeExt4(mke2fs: string, tree: string, path: string, bytes: number): Promise<string> {
  await writeFile(path, '')
  await truncate(path, bytes)
  await run(mke2fs, ['-q', '-F', '-t', 'ext4', '-d', tree, path])
  return path
}

/** A tar of a tree, its files in the order of their names. */
export async function makeTar(tree: string, path: string): Promise<string> {
  const archive = pack()
  const written = pipeline(archive, createWriteStream(path))
  for (const name of (await readdir(tree, { recursive: true })).sort()) {
    const from = join(tree, name)
    const stats = await lstat(from)
    const header = { name, mode: stats.mode & 0o7777, mtime: stats.mtime }
    if (stats.isDirectory()) archive.entry({ ...header, type: 'directory' })
    else if (stats.isSymbolicLink()) archive.entry({ ...header, type: 'symlink', linkname: await readlink(from) })
    else if (stats.isFile()) await addFile(archive, header, await readFile(from))
  }
  archive.finalize()
  await written
  return path
}

function addFile(archive: ReturnType<typeof pack>, header: { name: string }, bytes: Buffer): Promise<void> {
  return new Promise((resolve, reject) => {
    archive.entry(header, bytes, (error) => (error ? reject(error) : resolve()))
  })
}

/** Do two files have the same bytes? Holes count as zeros. */
export async function sameBytes(a: string, b: string): Promise<boolean> {
  const [left, right] = [await open(a), await open(b)]
  try {
    const [one, two] = [Buffer.alloc(4 * 1024 * 1024), Buffer.alloc(4 * 1024 * 1024)]
    if ((await left.stat()).size !== (await right.stat()).size) return false
    for (let at = 0; ; ) {
      const [{ bytesRead }, other] = await Promise.all([
        left.read(one, 0, one.length, at),
        right.read(two, 0, two.length, at),
      ])
      if (bytesRead === 0 && other.bytesRead === 0) return true
      const length = Math.min(bytesRead, other.bytesRead)
      if (one.compare(two, 0, length, 0, length) !== 0) return false
      at += length
    }
  } finally {
    await Promise.all([left.close(), right.close()])
  }
}

/** Two related images of some tens of megabytes: the second has the files of the first, some of them changed, and more. */
export async function makePair(directory: string): Promise<{ first: MadeImage; second: MadeImage }> {
  const [treeA, treeB] = [join(directory, 'tree-a'), join(directory, 'tree-b')]
  await mkdir(treeA)
  await mkdir(treeB)
  await copyPackages(treeA, ['typescript', 'libp2p', '@libp2p/kad-dht', 'zod', 'fastify', '@noble'])
  await copyPackages(treeA, ['@typescript'])
  await cp(treeA, treeB, { recursive: true, verbatimSymlinks: true })
  await copyPackages(treeB, ['@biomejs', '@lmdb'])
  await editFiles(treeB, 7)
  return {
    first: await makeImage(treeA, join(directory, 'a'), 256 * 1024 * 1024),
    second: await makeImage(treeB, join(directory, 'b'), 256 * 1024 * 1024),
  }
}

/** An image of some 60 MB of files in a directory of its own below `directory`. @returns its path */
export async function makeSmallImage(directory: string): Promise<string> {
  const tree = join(directory, 'tree')
  await mkdir(tree)
  await copyPackages(tree, ['@biomejs'])
  return (await makeImage(tree, join(directory, 'small'), 128 * 1024 * 1024)).path
}
