import { mkdir, readFile, rm } from 'node:fs/promises'
import { HotblockError } from '../../protocols/errors.ts'

/**
 * An empty directory for a build. What an earlier attempt left goes, but never through a mount: what is mounted below is
 * not the build's own.
 * @throws INTERNAL where something is mounted below
 */
export async function emptyDirectory(path: string): Promise<void> {
  await removeDirectory(path)
  await mkdir(path, { recursive: true, mode: 0o700 })
}

/** @throws INTERNAL where something is mounted below */
export async function removeDirectory(path: string): Promise<void> {
  const mounts = await mountsBelow(path)
  if (mounts.length > 0) {
    const message = `${mounts[0]} is still mounted: the build's directory cannot be removed`
    throw new HotblockError('INTERNAL', message, { path })
  }
  await rm(path, { recursive: true, force: true })
}

/** Mount points at or below a path, as the kernel names them; none on systems without /proc. */
async function mountsBelow(path: string): Promise<string[]> {
  const text = await readFile('/proc/self/mountinfo', 'utf8').catch(() => '')
  return text
    .split('\n')
    .map((line) => unescaped(line.split(' ')[4] ?? ''))
    .filter((point) => point === path || point.startsWith(`${path}/`))
}

/** Blanks and the like stand there as octal escapes. */
function unescaped(text: string): string {
  return text.replaceAll(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)))
}
