import type { CID } from 'multiformats/cid'
import { HotblockError } from '../protocols/errors.ts'
import { hashAt } from '../protocols/table/table.ts'
import type { CheckProgress, VerifyReport } from './api.ts'
import { blockRows, verifyRows } from './fetch/hot.ts'
import type { Pool } from './pool/jobs.ts'
import type { Store, StoredImage } from './store/store.ts'

/**
 * Re-hashes complete images. Places of broken blocks go from the index, so that they are neither served nor reused.
 * @returns per image how much was checked and how many blocks are broken
 */
export async function verifyImages(
  store: Store,
  pool: Pool,
  images: readonly StoredImage[],
  progress: (p: CheckProgress) => void,
  signal?: AbortSignal,
): Promise<VerifyReport> {
  const report: VerifyReport = { checkedBytes: 0, badBlocks: 0, images: [] }
  for (const image of images) {
    signal?.throwIfAborted()
    const row = await verifyImage(store, pool, image, progress, signal)
    report.images.push(row)
    report.checkedBytes += row.checkedBytes
    report.badBlocks += row.badBlocks
  }
  return report
}

async function verifyImage(
  store: Store,
  pool: Pool,
  image: StoredImage,
  progress: (p: CheckProgress) => void,
  signal?: AbortSignal,
): Promise<VerifyReport['images'][number]> {
  const table = tableOf(store, image.root)
  const name = image.names[0] ?? ''
  let doneBytes = table.zeroBytes
  const { good, bad } = await verifyRows(pool, table, blockRows(table), image.path, (bytes) => {
    signal?.throwIfAborted()
    doneBytes += bytes
    progress({ phase: 'verify', name, doneBytes, imageBytes: table.imageBytes })
  })
  for (const row of bad) {
    await store.blocks.drop(hashAt(table, row), { image: image.number, offset: table.offsets[row]! })
  }
  const checkedBytes = [...good, ...bad].reduce((sum, row) => sum + table.lengths[row]!, 0)
  return { name, root: image.root.toString(), checkedBytes, badBlocks: bad.length }
}

function tableOf(store: Store, root: CID) {
  const table = store.table(root)
  if (table === undefined) throw new HotblockError('DAMAGED', `the table of ${root} is not on this node`)
  return table
}
