import type { Cuts, ImageReader } from './cutter.ts'
import { fixedCuts } from './fixed.ts'
import { readGzipMember } from './gzip-member.ts'
import { slidingReader } from './reading.ts'
import { Regions } from './regions.ts'

/**
 * Cuts a .tar.gz that is a series of gzip members, one for each file (as the builder makes it, and as eStargz is): a file
 * that is the same is then the same compressed bytes in both images, at member starts and every `blockBytes` after them.
 *
 * A .tar.gz of one member is plain data. To look inside it one would have to make its very bytes again from what is
 * inside, and node's zlib does not: gzip 1.12 -6 and -9 of 50 MB of a system's tar differ from deflateRaw of the same
 * level (at memLevel 8 and 9) from the second byte of the stream on, and are 2 % smaller. Its bytes share nothing past
 * the first difference of two images, so that small blocks would only make the table longer.
 */

/**
 * Looking for a second member stops after so many bytes, and again for each member found: a foreign file of gigabytes
 * is not inflated only to find its one end. The builder's files begin with small members, so that a large one later on
 * has allowance to spend.
 */
const INPUT_BYTES_PER_MEMBER = 16 * 1024 * 1024
/** Deflate makes at most 1032 bytes of one; more than this on average is a bomb, or not worth it. */
const OUTPUT_BYTES_PER_INPUT_BYTE = 64
const OUTPUT_BYTES_MIN = 256 * 1024 * 1024
const WINDOW_BYTES = 1024 * 1024

export async function gzipCuts(reader: ImageReader, blockBytes: number): Promise<Cuts> {
  const regions = new Regions(reader.size)
  const near = slidingReader(reader, WINDOW_BYTES)
  let members = 0
  let outputBytes = 0
  while (regions.end < reader.size && !regions.full) {
    const start = regions.end
    const member = await readGzipMember(near, start, {
      inputBytesMax: INPUT_BYTES_PER_MEMBER * (members + 1) - start,
      outputBytesMax: OUTPUT_BYTES_MIN + OUTPUT_BYTES_PER_INPUT_BYTE * start - outputBytes,
    })
    if (member === undefined) break
    members++
    outputBytes += member.outputBytes
    regions.push(member.end, blockBytes)
  }
  if (members < 2) return fixedCuts('tar.gz', reader.size, blockBytes, 'gzip-plain')
  // What follows the last sound member is plain data.
  regions.push(reader.size, blockBytes)
  return { format: 'tar.gz', cutter: 'gzip-members', lengths: () => regions.lengths() }
}
