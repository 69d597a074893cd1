/**
 * Files within a tree whose symbolic links are not to be trusted: an absolute one means a path of the tree, and none
 * leads out of it. Node itself would follow them into the machine's own files.
 */
import { chmod, chown, lstat, mkdir, readFile, readlink, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { HotblockError } from '../../protocols/errors.ts'

const LINKS_MAX = 40
const READ_BYTES_MAX = 16 * 1024 * 1024

/**
 * Resolves all links of `path` as a process with `tree` as its root would.
 * @param last whether a link at the very end is followed too
 * @returns the path on the machine; what does not exist yet is taken as it is written
 * @throws BAD_FILE for links that go round in circles
 */
export async function insideTree(tree: string, path: string, last = true): Promise<string> {
  let todo = path.split('/').filter((part) => part !== '' && part !== '.')
  let done: string[] = []
  for (let links = 0; todo.length > 0; ) {
    const [part = '', ...rest] = todo
    todo = rest
    if (part === '..') {
      done.pop()
      continue
    }
    const here = [...done, part]
    const target = rest.length > 0 || last ? await linkOf(join(tree, ...here)) : undefined
    if (target === undefined) {
      done = here
      continue
    }
    if (++links > LINKS_MAX) throw new HotblockError('BAD_FILE', `a symbolic link leads to itself: ${path}`, { path })
    if (target.startsWith('/')) done = []
    todo = [...target.split('/').filter((piece) => piece !== '' && piece !== '.'), ...todo]
  }
  return join(tree, ...done)
}

/** Writes a file of root's with exactly this mode, whatever was there; makes the directories above it. */
export async function writeInTree(tree: string, path: string, content: string | Uint8Array, mode = 0o644) {
  const directory = await insideTree(tree, dirname(path))
  await mkdir(directory, { recursive: true, mode: 0o755 })
  const target = join(directory, path.slice(path.lastIndexOf('/') + 1))
  await removeFile(target)
  await writeFile(target, content, { flag: 'wx', mode: 0o600 })
  await chown(target, 0, 0)
  await chmod(target, mode)
}

/** @returns the file's content; undefined where there is none, or no regular one */
export async function readInTree(tree: string, path: string): Promise<Buffer | undefined> {
  const target = await insideTree(tree, path)
  const stats = await lstat(target).catch(() => undefined)
  if (stats === undefined || !stats.isFile() || stats.size > READ_BYTES_MAX) return undefined
  return readFile(target)
}

/** Removes what is at `path`, if anything; a link, not what it leads to. */
export async function removeInTree(tree: string, path: string): Promise<void> {
  await rm(await insideTree(tree, path, false), { recursive: true, force: true })
}

async function removeFile(target: string): Promise<void> {
  const stats = await lstat(target).catch(() => undefined)
  if (stats?.isDirectory()) throw new HotblockError('BAD_FILE', `is a directory in the image: ${target}`)
  await rm(target, { force: true })
}

async function linkOf(path: string): Promise<string | undefined> {
  try {
    return await readlink(path)
  } catch {
    return undefined
  }
}
