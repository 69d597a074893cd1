import type { FileHandle } from 'node:fs/promises'
import { crc32 } from 'node:zlib'
import { parseHeader, paxSize, TAR_BLOCK_BYTES } from '../../node/cutters/tar-header.ts'
import { HotblockError } from '../../protocols/errors.ts'

/** A stretch of a tar that becomes one gzip member. */
export interface Stretch {
  readonly start: number
  readonly end: number
}

/** Members without data are joined until one whose header's CRC is 0 modulo this, as node's cutter of tars does. */
const RUN_MEMBERS_MEAN = 8
const RUN_BYTES_MAX = 64 * 1024
const PAX_BYTES_MAX = 1024 * 1024

/**
 * Cuts one of our own tars: each file with data is a stretch of its own, with the headers before it; links and
 * directories come in short runs, whose ends depend on their content alone.
 * @throws INTERNAL where it is no sound tar
 */
export async function* tarStretches(file: FileHandle, bytes: number): AsyncGenerator<Stretch> {
  let start = 0
  let at = 0
  const block = Buffer.alloc(TAR_BLOCK_BYTES)
  while (at < bytes) {
    const memberStart = at
    let size: number | undefined
    for (;;) {
      const { bytesRead } = await file.read(block, 0, TAR_BLOCK_BYTES, at)
      const header = bytesRead === TAR_BLOCK_BYTES ? parseHeader(block) : undefined
      if (header === undefined) {
        if (memberStart !== at || !block.every((byte) => byte === 0))
          throw new HotblockError('INTERNAL', 'no sound tar')
        if (start < at) yield { start, end: at }
        yield { start: at, end: bytes }
        return
      }
      at += TAR_BLOCK_BYTES
      if (header.type === 'x') {
        const pax = Buffer.alloc(Math.min(header.size, PAX_BYTES_MAX))
        await file.read(pax, 0, pax.length, at)
        size = paxSize(pax) ?? size
        at += padded(header.size)
        continue
      }
      const dataBytes = '123456'.includes(header.type) ? 0 : (size ?? header.size)
      at += padded(dataBytes)
      if (dataBytes > 0) {
        if (start < memberStart) yield { start, end: memberStart }
        yield { start: memberStart, end: at }
        start = at
      } else if (crc32(block) % RUN_MEMBERS_MEAN === 0 || at - start > RUN_BYTES_MAX) {
        yield { start, end: at }
        start = at
      }
      break
    }
  }
  if (start < bytes) yield { start, end: bytes }
}

function padded(bytes: number): number {
  return Math.ceil(bytes / TAR_BLOCK_BYTES) * TAR_BLOCK_BYTES
}
