import type { ImageReader } from './cutter.ts'
import { readWhole, viewOf } from './reading.ts'

/**
 * Partition tables: GPT (UEFI Specification 2.10, section 5.3) and MBR with logical partitions. Only where partitions
 * begin and end is of interest; what makes no sense is passed over.
 */

const MBR_BYTES = 512
const MBR_ENTRIES_OFFSET = 446
const MBR_ENTRY_BYTES = 16
const MBR_ENTRIES = 4
const MBR_SIGNATURE = 0xaa55
const TYPES_EXTENDED = [0x05, 0x0f, 0x85]
const TYPE_PROTECTIVE = 0xee
const LOGICAL_PARTITIONS_MAX = 128
const SECTOR_BYTES = 512
const SECTOR_SIZES = [512, 4096]

const GPT_MAGIC = 'EFI PART'
const GPT_ENTRIES_MAX = 1024
const GPT_ENTRY_BYTES_MIN = 128
const GPT_ENTRY_BYTES_MAX = 4096

export interface Partition {
  /** First byte in the image. */
  readonly start: number
  /** First byte after it, at most the image's size. */
  readonly end: number
}

export interface Partitions {
  readonly scheme: 'gpt' | 'mbr'
  /** In image order, not overlapping. */
  readonly ranges: readonly Partition[]
}

/** The partitions of an image, if it has a partition table. */
export async function readPartitions(reader: ImageReader): Promise<Partitions | undefined> {
  const mbr = await readWhole(reader, 0, MBR_BYTES)
  if (mbr === undefined || viewOf(mbr).getUint16(510, true) !== MBR_SIGNATURE) return undefined
  const entries = mbrEntries(viewOf(mbr))
  if (entries === undefined) return undefined
  if (entries.some((entry) => entry.type === TYPE_PROTECTIVE)) {
    for (const sectorBytes of SECTOR_SIZES) {
      const ranges = await readGpt(reader, sectorBytes)
      if (ranges !== undefined) return { scheme: 'gpt', ranges: inOrder(ranges, reader.size) }
    }
  }
  const ranges: Partition[] = []
  for (const entry of entries) {
    if (entry.type === TYPE_PROTECTIVE) continue
    if (TYPES_EXTENDED.includes(entry.type)) ranges.push(...(await readLogical(reader, entry)))
    else ranges.push(rangeOf(entry.first, entry.sectors, SECTOR_BYTES))
  }
  return ranges.length === 0 ? undefined : { scheme: 'mbr', ranges: inOrder(ranges, reader.size) }
}

interface MbrEntry {
  readonly type: number
  /** First sector and count of sectors. */
  readonly first: number
  readonly sectors: number
}

/** Entries in use; undefined where the sector is a boot sector without a partition table (FAT, for one). */
function mbrEntries(view: DataView): MbrEntry[] | undefined {
  const entries: MbrEntry[] = []
  for (let i = 0; i < MBR_ENTRIES; i++) {
    const at = MBR_ENTRIES_OFFSET + i * MBR_ENTRY_BYTES
    const status = view.getUint8(at)
    if (status !== 0 && status !== 0x80) return undefined
    const entry = {
      type: view.getUint8(at + 4),
      first: view.getUint32(at + 8, true),
      sectors: view.getUint32(at + 12, true),
    }
    if (entry.type !== 0 && entry.first > 0 && entry.sectors > 0) entries.push(entry)
  }
  return entries
}

/** The logical partitions of an extended one: a chain of tables, each with a partition and the next table. */
async function readLogical(reader: ImageReader, extended: MbrEntry): Promise<Partition[]> {
  const found: Partition[] = []
  let table = extended.first
  for (let i = 0; i < LOGICAL_PARTITIONS_MAX; i++) {
    const bytes = await readWhole(reader, table * SECTOR_BYTES, MBR_BYTES)
    if (bytes === undefined || viewOf(bytes).getUint16(510, true) !== MBR_SIGNATURE) return found
    const entries = mbrEntries(viewOf(bytes)) ?? []
    const partition = entries.find((entry) => !TYPES_EXTENDED.includes(entry.type))
    const next = entries.find((entry) => TYPES_EXTENDED.includes(entry.type))
    if (partition !== undefined) found.push(rangeOf(table + partition.first, partition.sectors, SECTOR_BYTES))
    // Tables follow each other; one that leads back would lead round and round.
    if (next === undefined || extended.first + next.first <= table) return found
    table = extended.first + next.first
  }
  return found
}

async function readGpt(reader: ImageReader, sectorBytes: number): Promise<Partition[] | undefined> {
  const bytes = await readWhole(reader, sectorBytes, 92)
  if (bytes === undefined || String.fromCharCode(...bytes.subarray(0, 8)) !== GPT_MAGIC) return undefined
  const header = viewOf(bytes)
  const entries = Number(header.getBigUint64(72, true)) * sectorBytes
  const count = header.getUint32(80, true)
  const entryBytes = header.getUint32(84, true)
  if (entryBytes < GPT_ENTRY_BYTES_MIN || entryBytes > GPT_ENTRY_BYTES_MAX || count > GPT_ENTRIES_MAX) return undefined
  const table = await readWhole(reader, entries, count * entryBytes)
  if (table === undefined) return undefined
  const view = viewOf(table)
  const ranges: Partition[] = []
  for (let i = 0; i < count; i++) {
    const at = i * entryBytes
    const unused = view.getBigUint64(at, true) === 0n && view.getBigUint64(at + 8, true) === 0n
    const first = Number(view.getBigUint64(at + 32, true))
    const last = Number(view.getBigUint64(at + 40, true))
    if (!unused && first > 0 && last >= first) ranges.push(rangeOf(first, last - first + 1, sectorBytes))
  }
  return ranges
}

function rangeOf(first: number, sectors: number, sectorBytes: number): Partition {
  return { start: first * sectorBytes, end: (first + sectors) * sectorBytes }
}

/** Clips to the image and drops what overlaps a partition before it. */
function inOrder(ranges: readonly Partition[], size: number): Partition[] {
  const sorted = ranges.toSorted((a, b) => a.start - b.start)
  const kept: Partition[] = []
  let free = 0
  for (const { start, end } of sorted) {
    const clipped = Math.min(end, size)
    if (start < free || start >= clipped) continue
    kept.push({ start, end: clipped })
    free = clipped
  }
  return kept
}
