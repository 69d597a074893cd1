import { GRID_BYTES } from '../../protocols/table/constants.ts'
import type { Cuts, ImageReader } from './cutter.ts'
import { takeFiles } from './ext4/ext4.ts'
import { readSuperblock } from './ext4/superblock.ts'
import { ExtentList, extentLengths, type Grid } from './extents.ts'
import { type Partition, readPartitions } from './partitions.ts'

/**
 * Cuts a disk image: at the files of ext2, ext3 and ext4 file systems, bare or in partitions, and on the 4 KiB grid
 * where there is none. A file system at offset 0 wins over a partition table, whose place it leaves free.
 */
export async function rawCuts(reader: ImageReader, blockBytes: number): Promise<Cuts> {
  const list = new ExtentList()
  if (await takeFileSystem(reader, { start: 0, end: reader.size }, list)) {
    return cutsOf('ext4', reader.size, list, [], blockBytes)
  }
  const partitions = await readPartitions(reader)
  const ranges = partitions?.ranges ?? []
  let found = false
  for (const range of ranges) found = (await takeFileSystem(reader, range, list)) || found
  const cutter = partitions !== undefined && found ? `${partitions.scheme}+ext4` : `fixed:${GRID_BYTES}`
  return cutsOf(cutter, reader.size, list, gridsOf(ranges), blockBytes)
}

async function takeFileSystem(reader: ImageReader, range: Partition, list: ExtentList): Promise<boolean> {
  const fs = await readSuperblock(reader, range.start, range.end)
  if (fs === undefined) return false
  await takeFiles(reader, fs, list)
  return true
}

/** The grid begins anew at each partition, so that the same file system is the same blocks wherever it lies. */
function gridsOf(ranges: readonly Partition[]): Grid[] {
  return ranges.flatMap(({ start, end }) => [
    { at: start, origin: start },
    { at: end, origin: 0 },
  ])
}

function cutsOf(cutter: string, size: number, list: ExtentList, grids: readonly Grid[], blockBytes: number): Cuts {
  const extents = list.sorted(size)
  return { format: 'raw', cutter, lengths: () => extentLengths(size, extents, grids, blockBytes) }
}
