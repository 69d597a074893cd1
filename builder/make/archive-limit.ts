import { lstat, readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'

/**
 * Keeps a cache of package files within a limit: those go first that no build has used for longest. Using one makes a
 * link to it, which changes the inode.
 * @returns bytes that were freed
 */
export async function limitArchives(directory: string, bytesMax: number): Promise<number> {
  const names: string[] = await readdir(directory).catch(() => [])
  const files: { path: string; bytes: number; usedAt: number }[] = []
  for (const name of names) {
    const path = join(directory, name)
    const stats = await lstat(path).catch(() => undefined)
    if (stats?.isFile() === true) files.push({ path, bytes: stats.size, usedAt: stats.ctimeMs })
  }
  let bytes = files.reduce((sum, file) => sum + file.bytes, 0)
  const before = bytes
  for (const file of files.sort((a, b) => a.usedAt - b.usedAt)) {
    if (bytes <= bytesMax) break
    await rm(file.path, { force: true })
    bytes -= file.bytes
  }
  return before - bytes
}
