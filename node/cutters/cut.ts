import { HotblockError } from '../../protocols/errors.ts'
import { BLOCK_BYTES_MAX, GRID_BYTES } from '../../protocols/table/constants.ts'
import type { CutOptions, Cuts, ImageReader } from './cutter.ts'
import { detectFormat } from './detect.ts'
import { fixedCuts } from './fixed.ts'
import { gzipCuts } from './gzip.ts'
import { qcow2Cuts } from './qcow2.ts'
import { rawCuts } from './raw.ts'
import { tarCuts } from './tar.ts'

const FIXED_BYTES_MIN = 512
/** qcow2's usual cluster: what a guest wrote together lies together in it, even where its disk cannot be read. */
const QCOW2_CLUSTER_BYTES = 64 * 1024

/**
 * Decides where an image is cut. Tells the format by content and takes the cutter that fits, or cuts blindly where
 * `options.cut` says 'fixed:BYTES'.
 * @throws USAGE where the options make no sense; whatever the reader rejects with
 */
export async function cutImage(reader: ImageReader, options: CutOptions): Promise<Cuts> {
  const fixedBytes = checkOptions(options)
  const format = await detectFormat(reader)
  if (fixedBytes !== undefined) return fixedCuts(format, reader.size, fixedBytes)
  switch (format) {
    case 'tar':
      return tarCuts(reader, options.blockBytes)
    case 'tar.gz':
      return gzipCuts(reader, options.blockBytes)
    case 'qcow2':
      return (await qcow2Cuts(reader, options.blockBytes)) ?? fixedCuts(format, reader.size, QCOW2_CLUSTER_BYTES)
    case 'raw':
      return rawCuts(reader, options.blockBytes)
  }
}

/** @returns the size of 'fixed:BYTES', undefined for 'auto' */
function checkOptions({ cut, blockBytes }: CutOptions): number | undefined {
  if (
    !Number.isInteger(blockBytes) ||
    blockBytes % GRID_BYTES !== 0 ||
    blockBytes < GRID_BYTES ||
    blockBytes > BLOCK_BYTES_MAX
  ) {
    const message = `block size ${blockBytes} is no multiple of ${GRID_BYTES} from ${GRID_BYTES} to ${BLOCK_BYTES_MAX}`
    throw new HotblockError('USAGE', message, { blockBytes })
  }
  if (cut === 'auto') return undefined
  const bytes = Number(/^fixed:([1-9]\d{0,7})$/.exec(cut)?.[1])
  if (bytes >= FIXED_BYTES_MIN && bytes <= BLOCK_BYTES_MAX && (bytes & (bytes - 1)) === 0) return bytes
  const message = `cut is 'auto' or 'fixed:BYTES', a power of two from ${FIXED_BYTES_MIN} to ${BLOCK_BYTES_MAX}, not '${cut}'`
  throw new HotblockError('USAGE', message, { cut })
}
