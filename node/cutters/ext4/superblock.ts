import type { ImageReader } from '../cutter.ts'
import { readWhole, viewOf } from '../reading.ts'

/**
 * The superblock of ext2, ext3 and ext4, as far as finding file data needs it.
 * Layout: Linux, Documentation/filesystems/ext4/super.rst. All numbers on disk are little-endian.
 */

const SUPERBLOCK_OFFSET = 1024
const SUPERBLOCK_BYTES = 1024
const MAGIC = 0xef53
const BLOCK_SHIFT_MAX = 6
const CLUSTER_SHIFT_MAX = 20
const DESCRIPTOR_BYTES_MIN = 32
const DESCRIPTOR_BYTES_64BIT_MIN = 64
const INODE_BYTES_REV0 = 128
const FIRST_INODE_REV0 = 11

const INCOMPAT_JOURNAL_DEVICE = 0x8
const INCOMPAT_META_BG = 0x10
const INCOMPAT_64BIT = 0x80
const COMPAT_SPARSE_SUPER2 = 0x200
const RO_COMPAT_SPARSE_SUPER = 0x1
const RO_COMPAT_GROUP_CHECKSUM = 0x10
const RO_COMPAT_BIGALLOC = 0x200
const RO_COMPAT_METADATA_CHECKSUM = 0x400

/** Groups past this are not read: 128 TiB in groups of 128 MiB. */
export const GROUPS_MAX = 1024 * 1024

/** Where a file system lies and how it is laid out. Blocks are numbered from `base`. */
export interface Ext4 {
  /** First byte of the file system in the image. */
  readonly base: number
  /** Bytes of the file system that lie in its partition and in the image. */
  readonly bytes: number
  readonly blockBytes: number
  /** Blocks that lie wholly within `bytes`. */
  readonly blocks: number
  readonly firstDataBlock: number
  readonly blocksPerGroup: number
  readonly inodesPerGroup: number
  readonly groups: number
  readonly inodes: number
  readonly inodeBytes: number
  /** Inodes below this belong to the file system itself: the journal, the resize inode. */
  readonly firstInode: number
  readonly descriptorBytes: number
  readonly wide: boolean
  /** Descriptor blocks before this one lie in one run after the superblock; later ones in their own groups. */
  readonly firstMetaGroup: number
  /** Groups have flags and a count of inodes that were never used. */
  readonly hasUnusedCounts: boolean
  readonly backups: 'sparse' | 'all' | readonly [number, number]
}

/**
 * Reads a superblock, if there is one that makes sense.
 * @param base first byte of the file system in the image
 * @param limit first byte after it: the end of its partition
 */
export async function readSuperblock(reader: ImageReader, base: number, limit: number): Promise<Ext4 | undefined> {
  if (base + SUPERBLOCK_OFFSET + SUPERBLOCK_BYTES > limit) return undefined
  const bytes = await readWhole(reader, base + SUPERBLOCK_OFFSET, SUPERBLOCK_BYTES)
  return bytes === undefined ? undefined : parseSuperblock(viewOf(bytes), base, Math.min(limit, reader.size))
}

function parseSuperblock(view: DataView, base: number, limit: number): Ext4 | undefined {
  if (view.getUint16(0x38, true) !== MAGIC) return undefined
  const shift = view.getUint32(0x18, true)
  if (shift > BLOCK_SHIFT_MAX) return undefined
  const blockBytes = 1024 << shift

  const revision = view.getUint32(0x4c, true)
  const compat = revision === 0 ? 0 : view.getUint32(0x5c, true)
  const incompat = revision === 0 ? 0 : view.getUint32(0x60, true)
  const roCompat = revision === 0 ? 0 : view.getUint32(0x64, true)
  if (incompat & INCOMPAT_JOURNAL_DEVICE) return undefined

  const wide = (incompat & INCOMPAT_64BIT) !== 0
  const descriptorBytes = wide ? view.getUint16(0xfe, true) : DESCRIPTOR_BYTES_MIN
  if (wide && descriptorBytes < DESCRIPTOR_BYTES_64BIT_MIN) return undefined
  const inodeBytes = revision === 0 ? INODE_BYTES_REV0 : view.getUint16(0x58, true)
  if (inodeBytes < INODE_BYTES_REV0) return undefined
  if (!isPieceOf(descriptorBytes, blockBytes) || !isPieceOf(inodeBytes, blockBytes)) return undefined

  const firstDataBlock = view.getUint32(0x14, true)
  const blocksClaimed = view.getUint32(0x4, true) + (wide ? view.getUint32(0x150, true) * 2 ** 32 : 0)
  const blocks = Math.min(blocksClaimed, Math.floor((limit - base) / blockBytes))
  const blocksPerGroup = view.getUint32(0x20, true)
  const inodesPerGroup = view.getUint32(0x28, true)
  // One block of bitmap stands for one group: of inodes, and of clusters.
  const clusterShift = roCompat & RO_COMPAT_BIGALLOC ? view.getUint32(0x1c, true) - shift : 0
  if (clusterShift < 0 || clusterShift > CLUSTER_SHIFT_MAX) return undefined
  const perBitmap = blockBytes * 8
  if (blocksPerGroup === 0 || blocksPerGroup > perBitmap * 2 ** clusterShift) return undefined
  if (inodesPerGroup === 0 || inodesPerGroup > perBitmap) return undefined
  if (firstDataBlock > 1 || blocks <= firstDataBlock) return undefined

  const metaGroups = (incompat & INCOMPAT_META_BG) !== 0
  return {
    base,
    bytes: blocks * blockBytes,
    blockBytes,
    blocks,
    firstDataBlock,
    blocksPerGroup,
    inodesPerGroup,
    groups: Math.min(GROUPS_MAX, Math.ceil((blocks - firstDataBlock) / blocksPerGroup)),
    inodes: view.getUint32(0, true),
    inodeBytes,
    firstInode: revision === 0 ? FIRST_INODE_REV0 : view.getUint32(0x54, true),
    descriptorBytes,
    wide,
    firstMetaGroup: metaGroups ? view.getUint32(0x104, true) : Number.POSITIVE_INFINITY,
    hasUnusedCounts: (roCompat & (RO_COMPAT_GROUP_CHECKSUM | RO_COMPAT_METADATA_CHECKSUM)) !== 0,
    backups:
      compat & COMPAT_SPARSE_SUPER2
        ? [view.getUint32(0x24c, true), view.getUint32(0x250, true)]
        : roCompat & RO_COMPAT_SPARSE_SUPER
          ? 'sparse'
          : 'all',
  }
}

/** A power of two that divides a block. */
function isPieceOf(bytes: number, blockBytes: number): boolean {
  return bytes > 0 && bytes <= blockBytes && (bytes & (bytes - 1)) === 0
}
