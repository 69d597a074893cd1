import type { ImageReader } from '../cutter.ts'
import { readWhole, viewOf } from '../reading.ts'
import { type FileExtents, STEPS_PER_NODE } from './file-extents.ts'

/**
 * Trees of extents. Layout: Linux, Documentation/filesystems/ext4/ifork.rst, "Extent Tree".
 */

const MAGIC = 0xf30a
const HEADER_BYTES = 12
const ENTRY_BYTES = 12
export const TREE_DEPTH_MAX = 5
/** Longer extents are allocated but unwritten: they read as zeros, whatever lies there. */
const WRITTEN_BLOCKS_MAX = 32768

/** Depth that a node claims, 0 for a leaf; -1 where it is no node. */
export function nodeDepth(node: DataView): number {
  if (node.byteLength < HEADER_BYTES || node.getUint16(0, true) !== MAGIC) return -1
  const depth = node.getUint16(6, true)
  return depth <= TREE_DEPTH_MAX ? depth : -1
}

/** Takes the extents of a leaf. */
export function takeLeaf(node: DataView, file: FileExtents): void {
  const entries = entryCount(node)
  if (!file.spend(entries)) return
  for (let i = 0; i < entries; i++) {
    const at = HEADER_BYTES + i * ENTRY_BYTES
    const count = node.getUint16(at + 4, true)
    if (count === 0 || count > WRITTEN_BLOCKS_MAX) continue
    const physical = node.getUint16(at + 6, true) * 2 ** 32 + node.getUint32(at + 8, true)
    file.put(node.getUint32(at, true), physical, count)
  }
}

/** Takes what lies under an index node of `depth` ≥ 1. Each level down is one less deep, so that it ends. */
export async function takeTree(reader: ImageReader, node: DataView, depth: number, file: FileExtents): Promise<void> {
  const { base, blockBytes, blocks } = file.fs
  const entries = entryCount(node)
  for (let i = 0; i < entries; i++) {
    if (!file.spend(STEPS_PER_NODE)) return
    const at = HEADER_BYTES + i * ENTRY_BYTES
    const block = node.getUint16(at + 8, true) * 2 ** 32 + node.getUint32(at + 4, true)
    if (block === 0 || block >= blocks) continue
    const bytes = await readWhole(reader, base + block * blockBytes, blockBytes)
    if (bytes === undefined) continue
    const child = viewOf(bytes)
    if (nodeDepth(child) !== depth - 1) continue
    if (depth === 1) takeLeaf(child, file)
    else await takeTree(reader, child, depth - 1, file)
  }
}

function entryCount(node: DataView): number {
  return Math.min(node.getUint16(2, true), Math.floor((node.byteLength - HEADER_BYTES) / ENTRY_BYTES))
}
