import { once } from 'node:events'
import { type FileHandle, open } from 'node:fs/promises'
import { promisify } from 'node:util'
import { createGzip, gzip } from 'node:zlib'
import { cancelled } from '../make/run.ts'
import { type Stretch, tarStretches } from './tar-members.ts'

const gzipOnce = promisify(gzip)
const LEVEL = 6
/** A larger one goes through a stream, a piece at a time. */
const WHOLE_BYTES_MAX = 8 * 1024 * 1024
const PIECE_BYTES = 1024 * 1024
/** Compressed at the same time, in libuv's threads; bounds memory too. */
const AT_ONCE = 4

/**
 * Compresses a tar so that each file of it is a gzip member of its own: `gzip -d` gives the tar, and equal files are equal
 * bytes in all images. Deterministic for one version of zlib.
 */
export async function writeTarGz(tar: string, target: string, signal: AbortSignal): Promise<void> {
  const [from, to] = [await open(tar, 'r'), await open(target, 'wx')]
  try {
    const { size } = await from.stat()
    const waiting: Promise<Uint8Array>[] = []
    let at = 0
    const put = async (bytes: Uint8Array) => {
      await to.write(bytes, 0, bytes.length, at)
      at += bytes.length
    }
    const drain = async (left: number) => {
      while (waiting.length > left) await put(await (waiting.shift() as Promise<Uint8Array>))
    }
    for await (const stretch of tarStretches(from, size)) {
      if (signal.aborted) throw cancelled()
      if (stretch.end - stretch.start > WHOLE_BYTES_MAX) {
        await drain(0)
        await compressLarge(from, stretch, put)
        continue
      }
      const member = compressSmall(from, stretch)
      // It is awaited in its turn; should an earlier one fail, nobody asks for this one any more.
      member.catch(() => {})
      waiting.push(member)
      await drain(AT_ONCE - 1)
    }
    await drain(0)
  } finally {
    await Promise.all([from.close(), to.close()])
  }
}

async function compressSmall(file: FileHandle, { start, end }: Stretch): Promise<Uint8Array> {
  const bytes = Buffer.alloc(end - start)
  await file.read(bytes, 0, bytes.length, start)
  return gzipOnce(bytes, { level: LEVEL })
}

async function compressLarge(
  file: FileHandle,
  { start, end }: Stretch,
  put: (bytes: Uint8Array) => Promise<void>,
): Promise<void> {
  const stream = createGzip({ level: LEVEL })
  const feed = async () => {
    for (let at = start; at < end; at += PIECE_BYTES) {
      const piece = Buffer.alloc(Math.min(PIECE_BYTES, end - at))
      await file.read(piece, 0, piece.length, at)
      if (!stream.write(piece)) await once(stream, 'drain')
    }
    stream.end()
  }
  const fed = feed()
  for await (const piece of stream) await put(piece as Uint8Array)
  await fed
}
