import type { ImageReader } from '../cutter.ts'
import { readWhole, viewOf } from '../reading.ts'
import type { Ext4 } from './superblock.ts'

/**
 * Block groups: where the inodes lie. Layout: Linux, Documentation/filesystems/ext4/group_descr.rst.
 */

const FLAG_INODES_UNUSED = 0x1

/** One group's inodes that may be in use. */
export interface InodeTable {
  /** First byte in the image. */
  readonly offset: number
  /** Number of the first inode. */
  readonly firstInode: number
  readonly count: number
}

/** The tables of inodes of all groups, in group order. A descriptor that makes no sense is passed over. */
export async function* inodeTables(reader: ImageReader, fs: Ext4): AsyncGenerator<InodeTable> {
  for (let group = 0; group < fs.groups; group++) {
    const first = group * fs.inodesPerGroup + 1
    if (first > fs.inodes) return
    const bytes = await readWhole(reader, descriptorOffset(fs, group), fs.descriptorBytes)
    if (bytes === undefined) continue
    const view = viewOf(bytes)
    const block = view.getUint32(0x8, true) + (fs.wide ? view.getUint32(0x28, true) * 2 ** 32 : 0)
    let count = Math.min(fs.inodesPerGroup, fs.inodes - first + 1)
    if (fs.hasUnusedCounts) {
      if (view.getUint16(0x12, true) & FLAG_INODES_UNUSED) continue
      const unused = view.getUint16(0x1c, true) + (fs.wide ? view.getUint16(0x32, true) * 2 ** 16 : 0)
      count = Math.min(count, fs.inodesPerGroup - unused)
    }
    if (count <= 0 || block === 0 || block >= fs.blocks) continue
    const offset = fs.base + block * fs.blockBytes
    const room = Math.floor((fs.base + fs.bytes - offset) / fs.inodeBytes)
    yield { offset, firstInode: first, count: Math.min(count, room) }
  }
}

function descriptorOffset(fs: Ext4, group: number): number {
  const perBlock = fs.blockBytes / fs.descriptorBytes
  const index = Math.floor(group / perBlock)
  const within = (group % perBlock) * fs.descriptorBytes
  return fs.base + descriptorBlock(fs, index, perBlock) * fs.blockBytes + within
}

/** The block that holds the `index`-th block of descriptors (the kernel's descriptor_loc). */
function descriptorBlock(fs: Ext4, index: number, perBlock: number): number {
  const superBlock = fs.blockBytes === 1024 ? 1 : 0
  if (index < fs.firstMetaGroup) return superBlock + index + 1
  const group = index * perBlock
  // With bigalloc a block of 1 KiB is before the superblock of group 0.
  const before = index === 0 && superBlock > fs.firstDataBlock ? 1 : 0
  return fs.firstDataBlock + group * fs.blocksPerGroup + (hasSuperblock(fs, group) ? 1 : 0) + before
}

function hasSuperblock(fs: Ext4, group: number): boolean {
  if (group === 0) return true
  if (fs.backups === 'all') return true
  if (fs.backups !== 'sparse') return fs.backups.includes(group)
  return group === 1 || [3, 5, 7].some((base) => isPower(group, base))
}

function isPower(number: number, base: number): boolean {
  let power = base
  while (power < number) power *= base
  return power === number
}
