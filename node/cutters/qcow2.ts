import { GRID_BYTES } from '../../protocols/table/constants.ts'
import type { Cuts, ImageReader } from './cutter.ts'
import { rawCuts } from './raw.ts'
import { readWhole, viewOf } from './reading.ts'
import { nextCut } from './regions.ts'

/**
 * Cuts a qcow2 image at the files of the disk that it holds: its clusters lie in the image in any order, and each run of
 * them is cut where the raw disk would be. So a file is the same blocks in both. Format: QEMU, docs/interop/qcow2.txt;
 * all numbers are big-endian.
 */

const HEADER_BYTES = 104
const VERSIONS = [2, 3]
const CLUSTER_BITS_MIN = 12
const CLUSTER_BITS_MAX = 21
/** Dirty and corrupt images are read all the same; data in another file, other compression, other entries are not. */
const INCOMPATIBLE_KNOWN = 0x3n
const OFFSET_MASK = 0x00fffffffffffe00n
const COMPRESSED = 1n << 62n
const ZERO = 1n
/** Clusters past this are not looked at: 1 TiB of 64 KiB. */
const CLUSTERS_MAX = 16 * 1024 * 1024
const NONE = -1

/** Where the clusters of the disk lie. */
interface ClusterMap {
  readonly clusterBytes: number
  readonly diskBytes: number
  /** Disk's cluster to the image's; NONE: zeros, or not to be had. */
  readonly hostOf: Int32Array
  /** And back. NONE: what is no data of the disk. */
  readonly guestOf: Int32Array
}

/** @returns undefined where the image is of a kind that is not read here: it is then cut blindly */
export async function qcow2Cuts(reader: ImageReader, blockBytes: number): Promise<Cuts | undefined> {
  const map = await readMap(reader)
  if (map === undefined) return undefined
  const disk = await rawCuts(diskReader(reader, map), blockBytes)
  const cuts = cutsInData(map, disk)
  return { format: 'qcow2', cutter: `qcow2+${disk.cutter}`, lengths: () => lengths(reader.size, map, cuts) }
}

async function readMap(reader: ImageReader): Promise<ClusterMap | undefined> {
  const bytes = await readWhole(reader, 0, HEADER_BYTES)
  if (bytes === undefined) return undefined
  const header = viewOf(bytes)
  const version = header.getUint32(4)
  const bits = header.getUint32(20)
  const diskBytes = Number(header.getBigUint64(24))
  const encrypted = header.getUint32(32) !== 0
  if (!VERSIONS.includes(version) || bits < CLUSTER_BITS_MIN || bits > CLUSTER_BITS_MAX || encrypted) return undefined
  if (version === 3 && (header.getBigUint64(72) & ~INCOMPATIBLE_KNOWN) !== 0n) return undefined
  const clusterBytes = 2 ** bits
  const clusters = Math.ceil(diskBytes / clusterBytes)
  const hostClusters = Math.ceil(reader.size / clusterBytes)
  if (clusters === 0 || clusters > CLUSTERS_MAX || hostClusters > CLUSTERS_MAX) return undefined
  const map: ClusterMap = {
    clusterBytes,
    diskBytes,
    hostOf: new Int32Array(clusters).fill(NONE),
    guestOf: new Int32Array(hostClusters).fill(NONE),
  }
  const perTable = clusterBytes / 8
  const tables = Math.min(header.getUint32(36), Math.ceil(clusters / perTable))
  const level1 = await readWhole(reader, Number(header.getBigUint64(40)), tables * 8)
  if (level1 === undefined) return undefined
  for (let i = 0; i < tables; i++) {
    const at = Number(viewOf(level1).getBigUint64(i * 8) & OFFSET_MASK)
    const level2 = at === 0 ? undefined : await readWhole(reader, at, clusterBytes)
    if (level2 !== undefined) takeTable(map, viewOf(level2), i * perTable)
  }
  return map
}

function takeTable(map: ClusterMap, entries: DataView, first: number): void {
  for (let i = 0; i < entries.byteLength / 8 && first + i < map.hostOf.length; i++) {
    const entry = entries.getBigUint64(i * 8)
    if ((entry & (COMPRESSED | ZERO)) !== 0n) continue
    const offset = Number(entry & OFFSET_MASK)
    const host = offset / map.clusterBytes
    // A cluster that is claimed twice belongs to whom claims it first.
    if (offset === 0 || !Number.isInteger(host) || host >= map.guestOf.length || map.guestOf[host] !== NONE) continue
    map.guestOf[host] = first + i
    map.hostOf[first + i] = host
  }
}

/** The disk as a raw image. */
function diskReader(reader: ImageReader, map: ClusterMap): ImageReader {
  const { clusterBytes, diskBytes, hostOf } = map
  return {
    size: diskBytes,
    async read(offset, length) {
      const wanted = Math.max(0, Math.min(length, diskBytes - offset))
      const bytes = new Uint8Array(wanted)
      for (let done = 0; done < wanted; ) {
        const cluster = Math.floor((offset + done) / clusterBytes)
        const within = (offset + done) % clusterBytes
        const count = Math.min(clusterBytes - within, wanted - done)
        const host = hostOf[cluster] ?? NONE
        if (host !== NONE) bytes.set(await reader.read(host * clusterBytes + within, count), done)
        done += count
      }
      return bytes
    },
  }
}

/** Places of the disk where it is cut, as far as they lie in clusters that the image has; ascending. */
function cutsInData({ clusterBytes, hostOf }: ClusterMap, disk: Cuts): Float64Array {
  let cuts = new Float64Array(1024)
  let count = 0
  let position = 0
  for (const length of disk.lengths()) {
    position += length
    if ((hostOf[Math.floor(position / clusterBytes)] ?? NONE) === NONE) continue
    if (count === cuts.length) {
      const more = new Float64Array(count * 2)
      more.set(cuts)
      cuts = more
    }
    cuts[count++] = position
  }
  return cuts.subarray(0, count)
}

function* lengths(size: number, { clusterBytes, guestOf }: ClusterMap, cuts: Float64Array): Generator<number> {
  for (let host = 0; host < guestOf.length; ) {
    const start = host * clusterBytes
    const guest = guestOf[host] ?? NONE
    host++
    // A run: clusters that follow each other in the image and on the disk.
    while (guest !== NONE && host < guestOf.length && guestOf[host] === guest + (host - start / clusterBytes)) host++
    const end = Math.min(host * clusterBytes, size)
    let position = start
    if (guest !== NONE) {
      const shift = start - guest * clusterBytes
      for (let i = firstAfter(cuts, guest * clusterBytes); i < cuts.length && cuts[i]! + shift < end; i++) {
        yield cuts[i]! + shift - position
        position = cuts[i]! + shift
      }
      // What is left is a piece of one row of the disk, which the next run goes on with.
      if (position < end) yield end - position
      continue
    }
    while (position < end) {
      const cut = nextCut(position, end, 0, GRID_BYTES)
      yield cut - position
      position = cut
    }
  }
}

/** Index of the first cut after a position. */
function firstAfter(cuts: Float64Array, position: number): number {
  let [low, high] = [0, cuts.length]
  while (low < high) {
    const middle = (low + high) >>> 1
    if (cuts[middle]! <= position) low = middle + 1
    else high = middle
  }
  return low
}
