import type { ImageFormat } from '../../protocols/table/table.ts'
import type { ImageReader } from './cutter.ts'
import { parseHeader, TAR_BLOCK_BYTES } from './tar-header.ts'

const GZIP_MAGIC = [0x1f, 0x8b]
/** 'QFI\xfb' */
const QCOW2_MAGIC = [0x51, 0x46, 0x49, 0xfb]

/** What kind of file an image is, told by its first 512 bytes. */
export async function detectFormat(reader: ImageReader): Promise<ImageFormat> {
  const bytes = await reader.read(0, TAR_BLOCK_BYTES)
  if (GZIP_MAGIC.every((byte, i) => bytes[i] === byte)) return 'tar.gz'
  if (QCOW2_MAGIC.every((byte, i) => bytes[i] === byte)) return 'qcow2'
  if (bytes.length === TAR_BLOCK_BYTES && parseHeader(bytes) !== undefined) return 'tar'
  return 'raw'
}
