/** A node with many images: how fast it starts, and how much memory it takes while it fetches one more. */
import { randomFillSync } from 'node:crypto'
import { open, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { fetchOn, publishOn, startNode } from '../support/nodes.ts'
import { withDirectory } from '../support/temporary.ts'
import { measure, peakBytes } from './measure.ts'

export interface ScaleResult {
  readonly images: number
  readonly blocks: number
  readonly startSeconds: number
  readonly idleRssBytes: number
  readonly fetchSeconds: number
  readonly fetchRssBytes: number
}

const BLOCK_BYTES = 4096
const CHUNK_BYTES = 16 * 1024 * 1024

/**
 * @param wanted an image that is fetched from another node in the end
 * @param blocks indexed blocks of all images together; each is of 4 KiB and takes that much disk
 */
export function benchScale(
  wanted: string,
  images: number,
  blocks: number,
  say: (text: string) => void,
): Promise<ScaleResult> {
  return withDirectory(async (directory) => {
    const builder = await startNode({ home: join(directory, 'b') })
    const init = { home: join(directory, 'w'), bootstrap: [builder.address], trust: [builder.peer] }
    let worker = await startNode(init)
    try {
      await publishOn(builder, wanted, 'wanted')
      const file = join(directory, 'image')
      for (let i = 0; i < images; i++) {
        say(`image ${i + 1} of ${images}`)
        await writeRandom(file, Math.ceil(blocks / images) * BLOCK_BYTES)
        await publishOn(worker, file, `image-${i + 1}`, `fixed:${BLOCK_BYTES}`)
      }
      await rm(file)
      await worker.stop()
      const startedAt = performance.now()
      worker = await startNode(init)
      const startSeconds = (performance.now() - startedAt) / 1000
      const { store, images: counts } = await worker.api.status()
      const idleRssBytes = await peakBytes(worker.pid)
      const { cost } = await measure([worker.pid], () => fetchOn(worker, 'wanted'))
      return {
        images: counts.complete,
        blocks: store.indexedBlocks,
        startSeconds,
        idleRssBytes,
        fetchSeconds: cost.seconds,
        fetchRssBytes: cost.rssBytes,
      }
    } finally {
      await Promise.all([worker.stop(), builder.stop()])
    }
  })
}

async function writeRandom(path: string, bytes: number): Promise<void> {
  const handle = await open(path, 'w')
  try {
    const chunk = Buffer.allocUnsafe(CHUNK_BYTES)
    for (let at = 0; at < bytes; at += CHUNK_BYTES) {
      await handle.write(randomFillSync(chunk), 0, Math.min(CHUNK_BYTES, bytes - at), at)
    }
  } finally {
    await handle.close()
  }
}
