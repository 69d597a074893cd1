import { crc32 } from 'node:zlib'
import { letGo } from '../garbage.ts'
import { compress, decompress } from './compress.ts'
import { withFile, withFileIfThere, writeAt } from './files.ts'
import {
  type DecodeAnswer,
  type DecodeJob,
  ENCODING_PLAIN,
  ENCODING_ZSTD,
  type EncodeAnswer,
  type EncodeJob,
  type Kept,
} from './jobs.ts'
import { bytesOfRow, forEachRun } from './runs.ts'
import { Scratch } from './scratch.ts'
import { isBlock } from './sha256.ts'

/** No frame is larger before compression: the exchange's frames are 1 MiB, a caller that asks for more has a defect. */
export const FRAME_RAW_BYTES_MAX = 16 * 1024 * 1024
const scratch = new Scratch()

export function runEncode(job: EncodeJob): EncodeAnswer {
  const { lengths, files } = job
  const frame = scratch.atLeast(checkedSum(lengths))
  const good = new Uint8Array(lengths.length)
  let rawBytes = 0
  for (let first = 0; first < lengths.length; ) {
    let end = first + 1
    while (end < lengths.length && files[end] === files[first]) end++
    withFileIfThere(job.paths[files[first]!]!, (fd) => {
      forEachRun(fd, job, first, end, 'skip', (run) => {
        for (let row = run.first; row < run.end; row++) {
          const bytes = bytesOfRow(run, job, row)
          if (bytes === undefined || !isBlock(bytes, job.hashes, row)) continue
          good[row] = 1
          frame.set(bytes, rawBytes)
          rawBytes += bytes.length
        }
      })
    })
    first = end
  }
  const raw = frame.subarray(0, rawBytes)
  const packed = job.level > 0 && rawBytes > 0 ? compress(raw, job.level) : undefined
  // A copy of just the bytes, which can be handed over to another thread.
  const payload = new Uint8Array(packed ?? raw)
  return { good, encoding: packed === undefined ? ENCODING_PLAIN : ENCODING_ZSTD, rawBytes, payload }
}

/** Writes whole blocks, zeros in them included: the target may hold something else from before an interruption. */
export function runDecode(job: DecodeJob): DecodeAnswer {
  const { lengths, toOffsets } = job
  const good = new Uint8Array(lengths.length)
  const raw = unpack(job, checkedSum(lengths))
  if (raw === undefined) return keepPayload(job, good)
  withFile(job.to, 'r+', (target) => {
    let start = 0
    let end = 0
    let to = 0
    let at = 0
    for (let i = 0; i < lengths.length; i++) {
      const next = at + lengths[i]!
      if (isBlock(raw.subarray(at, next), job.hashes, i)) {
        if (at !== end || toOffsets[i] !== to + end - start) {
          writeAt(target, raw, start, end, to)
          start = at
          to = toOffsets[i]!
        }
        end = next
        good[i] = 1
      }
      at = next
    }
    writeAt(target, raw, start, end, to)
  })
  return keepPayload(job, good)
}

function keepPayload({ payload, keep }: DecodeJob, good: Uint8Array): DecodeAnswer {
  if (keep === undefined) return { good, payload }
  const kept = good.includes(0) ? undefined : keptAt(keep, payload)
  letGo(payload)
  return { good, payload: new Uint8Array(0), kept }
}

/** A failure is none of the job's: the blocks are where they belong all the same. */
function keptAt({ fd, offset }: { fd: number; offset: number }, payload: Uint8Array): Kept {
  try {
    writeAt(fd, payload, 0, payload.length, offset)
    return crc32(payload)
  } catch {
    return 'failed'
  }
}

function unpack({ payload, encoding }: DecodeJob, bytes: number): Uint8Array | undefined {
  if (encoding === ENCODING_ZSTD) return decompress(payload, bytes)
  return encoding === ENCODING_PLAIN && payload.length === bytes ? payload : undefined
}

function checkedSum(lengths: Uint32Array): number {
  let sum = 0
  for (const length of lengths) sum += length
  if (sum > FRAME_RAW_BYTES_MAX) throw new RangeError(`a frame of ${sum} bytes is too long`)
  return sum
}
