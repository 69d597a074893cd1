import type { ImageReader } from '../cutter.ts'
import { readWhole, viewOf } from '../reading.ts'
import { type FileExtents, STEPS_PER_NODE } from './file-extents.ts'

/**
 * The block maps of ext2 and ext3: twelve blocks in the inode, then one indirect, one double and one triple indirect
 * block. Layout: Linux, Documentation/filesystems/ext4/ifork.rst, "Direct/Indirect Block Addressing".
 */

const DIRECT = 12
const LEVELS = 3

/** Takes the blocks that stand in the inode. @returns true where the file goes on in indirect blocks */
export function takeDirect(map: DataView, file: FileExtents): boolean {
  if (!file.spend(DIRECT)) return false
  for (let i = 0; i < DIRECT; i++) takePointer(file, i, map.getUint32(i * 4, true))
  return file.size > DIRECT * file.fs.blockBytes
}

/** Takes the blocks that the three indirect blocks of an inode name. */
export async function takeIndirect(reader: ImageReader, map: DataView, file: FileExtents): Promise<void> {
  const perBlock = file.fs.blockBytes / 4
  let logical = DIRECT
  for (let level = 1; level <= LEVELS; level++) {
    await takeNode(reader, map.getUint32((DIRECT + level - 1) * 4, true), level, logical, file)
    logical += perBlock ** level
  }
}

/** One indirect block: `level` 1 names blocks of data, 2 and 3 name indirect blocks. */
async function takeNode(
  reader: ImageReader,
  block: number,
  level: number,
  logical: number,
  file: FileExtents,
): Promise<void> {
  const { base, blockBytes, blocks } = file.fs
  if (block === 0 || block >= blocks || logical * blockBytes >= file.size) return
  const perBlock = blockBytes / 4
  if (!file.spend(STEPS_PER_NODE + perBlock)) return
  const bytes = await readWhole(reader, base + block * blockBytes, blockBytes)
  if (bytes === undefined) return
  const view = viewOf(bytes)
  const each = perBlock ** (level - 1)
  for (let i = 0; i < perBlock && !file.exhausted; i++) {
    const pointer = view.getUint32(i * 4, true)
    if (pointer === 0) continue
    if (level === 1) takePointer(file, logical + i, pointer)
    else await takeNode(reader, pointer, level - 1, logical + i * each, file)
  }
}

function takePointer(file: FileExtents, logical: number, pointer: number): void {
  if (pointer !== 0) file.put(logical, pointer, 1)
}
