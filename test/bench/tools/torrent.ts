import { hash } from 'node:crypto'
import { open } from 'node:fs/promises'
import { basename } from 'node:path'

/** Small enough that peers of a swarm soon have something for each other. */
const PIECE_BYTES = 512 * 1024

/** @returns the bytes of a torrent (BEP 3) of one file */
export async function torrentOf(file: string, tracker: string): Promise<Buffer> {
  const hashes: Buffer[] = []
  const handle = await open(file, 'r')
  try {
    const { size } = await handle.stat()
    const piece = Buffer.allocUnsafe(PIECE_BYTES)
    for (let at = 0; at < size; at += PIECE_BYTES) {
      const { bytesRead } = await handle.read(piece, 0, PIECE_BYTES, at)
      hashes.push(hash('sha1', piece.subarray(0, bytesRead), 'buffer'))
    }
    const name = basename(file)
    return Buffer.concat([
      Buffer.from(`d8:announce${tracker.length}:${tracker}4:infod6:lengthi${size}e`),
      Buffer.from(`4:name${name.length}:${name}12:piece lengthi${PIECE_BYTES}e6:pieces${hashes.length * 20}:`),
      ...hashes,
      Buffer.from('ee'),
    ])
  } finally {
    await handle.close()
  }
}
