/**
 * Guards around LMDB, which ends the process (SIGSEGV, SIGBUS) where it opens a file that is no index or lacks room for
 * its first pages, and never writes again after a commit that the disk had no room for. So both are found out before.
 */
import { closeSync, fsyncSync, openSync, statfsSync, writeSync } from 'node:fs'
import { open, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { HotblockError } from '../../protocols/errors.ts'

/** Offset and value of what the first two pages of every index have, whatever its version. */
const MAGIC_AT = 24
const MAGIC = 0xbeefc0de
const PAGE_BYTES_MIN = 4096
const HEADER_BYTES = 2 * PAGE_BYTES_MIN
/** LMDB's table of readers, which it maps: a page of it that the disk has no room for ends the process. */
const LOCK_BYTES = 16 * 1024
/** What a new index takes at first, with some to spare. */
const NEW_INDEX_BYTES = 256 * 1024
/** A transaction of the index may copy some thousand pages. */
export const WRITE_ROOM_BYTES = 8 * 1024 * 1024
/** Small changes, and removals, which have to be possible on a fuller disk. */
export const SMALL_ROOM_BYTES = 1024 * 1024

/** Throws NO_SPACE unless the disk has this much left for a change of the index. */
export type IndexRoom = (bytes: number) => void

export function indexRoom(directory: string): IndexRoom {
  return (bytes) => {
    const { bavail, bsize } = statfsSync(directory)
    if (bavail * bsize < bytes) throw fullIndex(directory)
  }
}

function fullIndex(path: string, cause?: unknown): HotblockError {
  return new HotblockError('NO_SPACE', `the disk that the index is on is full: ${path}`, { path }, cause)
}

/**
 * Makes sure that LMDB can open the index of a home. For who has the home locked.
 *
 * @throws BAD_HOME for a file that is no index; NO_SPACE where there is no room for a new one
 */
export async function checkIndex(directory: string): Promise<void> {
  const data = join(directory, 'data.mdb')
  const bytes = (await stat(data).catch(() => undefined))?.size ?? 0
  if (bytes >= HEADER_BYTES) await checkMagic(data)
  // No index is so short: it was being made on a disk that had no room for it.
  else await rm(data, { force: true })
  const lock = await stat(join(directory, 'lock.mdb')).catch(() => undefined)
  const isWhole = lock !== undefined && lock.size >= LOCK_BYTES && lock.blocks * 512 >= lock.size
  if (!isWhole) writeZeros(join(directory, 'lock.mdb'), LOCK_BYTES)
  if (bytes < HEADER_BYTES) {
    const probe = join(directory, 'probe.tmp')
    try {
      writeZeros(probe, NEW_INDEX_BYTES)
    } finally {
      await rm(probe, { force: true })
    }
  }
}

async function checkMagic(path: string): Promise<void> {
  const file = await open(path, 'r')
  try {
    const page = Buffer.alloc(MAGIC_AT + 4)
    await file.read(page, 0, page.length, 0)
    if (page.readUInt32LE(MAGIC_AT) !== MAGIC && page.readUInt32BE(MAGIC_AT) !== MAGIC) {
      throw new HotblockError('BAD_HOME', `is no index of hotblock: ${path}`, { path })
    }
  } finally {
    await file.close()
  }
}

/** @throws NO_SPACE, or ENOSPC as the system says it */
function writeZeros(path: string, bytes: number): void {
  const file = openSync(path, 'w')
  try {
    if (writeSync(file, Buffer.alloc(bytes)) < bytes) throw fullIndex(path)
    fsyncSync(file)
  } finally {
    closeSync(file)
  }
}
