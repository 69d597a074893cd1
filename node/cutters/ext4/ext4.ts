import type { ImageReader } from '../cutter.ts'
import type { ExtentList } from '../extents.ts'
import { cachedReader, viewOf } from '../reading.ts'
import { nodeDepth, takeLeaf, takeTree } from './extent-tree.ts'
import { FileExtents } from './file-extents.ts'
import { type InodeTable, inodeTables } from './groups.ts'
import { takeDirect, takeIndirect } from './indirect-map.ts'
import type { Ext4 } from './superblock.ts'

/**
 * Finds the data of all regular files of an ext2, ext3 or ext4 file system. Every number from the image is checked
 * against what is there; checksums are not, since a mistake costs reuse only.
 */

/** Inodes past this are not read: 4 GiB of inodes of 256 bytes. */
export const INODES_MAX = 16 * 1024 * 1024
/** Bytes of inodes that are read at once. */
const READ_BYTES = 1024 * 1024
const WINDOW_BYTES = 64 * 1024
const WINDOWS_MAX = 64

const MODE_TYPE = 0xf000
const MODE_REGULAR = 0x8000
const FLAG_EXTENTS = 0x80000
const FLAG_INLINE_DATA = 0x10000000
/** The 60 bytes of an inode that say where the data lies. */
const MAP_OFFSET = 0x28
const MAP_BYTES = 60

/** Adds the data of all regular files to `list`. */
export async function takeFiles(reader: ImageReader, fs: Ext4, list: ExtentList): Promise<void> {
  const near = cachedReader(reader, WINDOW_BYTES, WINDOWS_MAX)
  const file = new FileExtents(fs, list)
  // Tables that are said to lie one over the other would make a small image cost much: no more inodes than have room.
  let inodesLeft = Math.min(INODES_MAX, Math.floor(fs.bytes / fs.inodeBytes))
  for await (const table of inodeTables(near, fs)) {
    const count = Math.min(table.count, inodesLeft)
    inodesLeft -= count
    await takeTable(reader, near, { ...table, count }, file)
    if (inodesLeft === 0 || file.exhausted) return
  }
}

async function takeTable(reader: ImageReader, near: ImageReader, table: InodeTable, file: FileExtents): Promise<void> {
  const { inodeBytes, firstInode } = file.fs
  const perRead = READ_BYTES / inodeBytes
  for (let done = 0; done < table.count; done += perRead) {
    const count = Math.min(perRead, table.count - done)
    const bytes = await reader.read(table.offset + done * inodeBytes, count * inodeBytes)
    const view = viewOf(bytes)
    for (let i = 0; i < count && (i + 1) * inodeBytes <= bytes.length; i++) {
      if (table.firstInode + done + i < firstInode || file.exhausted) continue
      // Most inodes are done without a further read; awaiting each of them would cost more than the rest.
      const more = takeInode(near, view, i * inodeBytes, file)
      if (more !== undefined) await more
      file.finish()
    }
  }
}

/** Takes one inode. @returns a promise where blocks of its map have to be read */
function takeInode(near: ImageReader, view: DataView, at: number, file: FileExtents): Promise<void> | undefined {
  const links = view.getUint16(at + 0x1a, true)
  if (links === 0 || (view.getUint16(at, true) & MODE_TYPE) !== MODE_REGULAR) return undefined
  const size = view.getUint32(at + 0x4, true) + view.getUint32(at + 0x6c, true) * 2 ** 32
  const flags = view.getUint32(at + 0x20, true)
  if (size === 0 || !Number.isSafeInteger(size) || flags & FLAG_INLINE_DATA) return undefined
  file.begin(size)
  const map = new DataView(view.buffer, view.byteOffset + at + MAP_OFFSET, MAP_BYTES)
  if ((flags & FLAG_EXTENTS) === 0) return takeDirect(map, file) ? takeIndirect(near, map, file) : undefined
  const depth = nodeDepth(map)
  if (depth > 0) return takeTree(near, map, depth, file)
  if (depth === 0) takeLeaf(map, file)
  return undefined
}
