import { closeSync, openSync, readSync, writeSync } from 'node:fs'

/** What opening or reading throws when the file is not there (any more), as opposed to when the machine is in trouble. */
const GONE = new Set(['ENOENT', 'ENOTDIR', 'EISDIR', 'EACCES'])

/** Opens a file, hands it to `use`, and closes it whatever happens. @throws what fs throws */
export function withFile<T>(path: string, flags: 'r' | 'r+', use: (fd: number) => T): T {
  const fd = openSync(path, flags)
  try {
    return use(fd)
  } finally {
    closeSync(fd)
  }
}

/** The same for a file that may be gone: does nothing then. */
export function withFileIfThere(path: string, use: (fd: number) => void): void {
  let fd: number
  try {
    fd = openSync(path, 'r')
  } catch (error) {
    if (GONE.has((error as NodeJS.ErrnoException).code ?? '')) return
    throw error
  }
  try {
    use(fd)
  } finally {
    closeSync(fd)
  }
}

/** Reads `bytes` bytes at `offset` into the start of `buffer`. @returns how many there were before the end of the file */
export function readAt(fd: number, buffer: Buffer, bytes: number, offset: number): number {
  let got = 0
  while (got < bytes) {
    const read = readSync(fd, buffer, got, bytes - got, offset + got)
    if (read === 0) break
    got += read
  }
  return got
}

/** Writes bytes [start, end) of `buffer` at `offset`. A full disk may take only a part at first, and then fails. */
export function writeAt(fd: number, buffer: Uint8Array, start: number, end: number, offset: number): void {
  let at = start
  while (at < end) at += writeSync(fd, buffer, at, end - at, offset + at - start)
}
