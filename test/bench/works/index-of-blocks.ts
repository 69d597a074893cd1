import { createHash } from 'node:crypto'
import { join } from 'node:path'
import { BlockRows } from '../../../node/store/block-rows.ts'
import { DiskBlockIndex } from '../../../node/store/blocks.ts'
import { BLOCKS_FILE, openStore } from '../../../node/store/open.ts'
import { KEY_BYTES, withPlace } from '../../../node/store/place.ts'
import { seededRandom } from '../../../protocols/ports.ts'
import { HASH_BYTES } from '../../../protocols/table/constants.ts'
import type { Check } from '../rows.ts'
import type { Work } from './work.ts'

const [BLOCKS, QUICK_BLOCKS] = [10_000_000, 1_000_000]
const ROWS_PER_CHANGE = 16_384
const LOOK_UPS = 400_000
/** Asked for at once, as a fetch does. */
const BATCH = 1024
const [LOOK_UPS_LEAST, OPEN_SECONDS_MOST] = [300_000, 1]
/** Keys begin with their rank, so that they are written in order; the rest looks like the hash that it stands for. */
const RANK_BYTES = 6

export const index: Work = {
  name: 'index',
  what: 'index of blocks: look-ups a second, and time to open it',
  async run({ directory, runs, quick, say }) {
    const blocks = quick ? QUICK_BLOCKS : BLOCKS
    const home = join(directory, 'home')
    await (await openStore(home)).close()
    const path = join(home, 'index', BLOCKS_FILE)
    say(`index: writing ${blocks.toLocaleString('en-US')} blocks`)
    await fill(path, blocks)
    const [opened, found, absent]: number[][] = [[], [], []]
    for (let run = 0; run < runs; run++) {
      const startedAt = performance.now()
      const store = await openStore(home)
      opened!.push((performance.now() - startedAt) / 1000)
      if (store.blocks.size !== blocks) throw new Error(`the index has ${store.blocks.size} blocks`)
      await store.close()
      const rows = new BlockRows(path)
      const lookUp = new DiskBlockIndex(rows, () => 'complete')
      found!.push(rateOf(lookUp, blocks, run, true))
      absent!.push(rateOf(lookUp, blocks, run, false))
      await rows.close()
    }
    const of = `index of ${blocks.toLocaleString('en-US')} blocks: `
    const look = { unit: '/s', limit: LOOK_UPS_LEAST, bound: 'least' as const }
    const checks: Check[] = [
      { ...look, what: `${of}look-ups of blocks that are there`, values: found! },
      { ...look, what: `${of}look-ups of others`, values: absent! },
      { what: `${of}to open the store`, values: opened!, unit: 's', limit: OPEN_SECONDS_MOST, bound: 'most' },
    ]
    return { rows: [], checks }
  },
}

async function fill(path: string, blocks: number): Promise<void> {
  const rows = new BlockRows(path)
  try {
    for (let at = 0; at < blocks; at += ROWS_PER_CHANGE) {
      await rows.begin()
      const end = Math.min(blocks, at + ROWS_PER_CHANGE)
      for (let i = at; i < end; i++) rows.put(keyOf(i, blocks, true), withPlace(undefined, 1, i * 4096)!)
      rows.commit(end)
    }
    rows.setWhole()
  } finally {
    await rows.close()
  }
}

/** Look-ups a second of blocks in random order. */
function rateOf(lookUp: DiskBlockIndex, blocks: number, seed: number, there: boolean): number {
  const random = seededRandom(seed + 1)
  const batches: Uint8Array[] = []
  for (let at = 0; at < LOOK_UPS; at += BATCH) {
    const hashes = new Uint8Array(BATCH * HASH_BYTES)
    for (let i = 0; i < BATCH; i++) {
      hashes.set(keyOf(Math.floor(random() * blocks), blocks, there), i * HASH_BYTES)
    }
    batches.push(hashes)
  }
  const startedAt = performance.now()
  let hits = 0
  for (const hashes of batches) for (const places of lookUp.find(hashes)) hits += places.length
  const seconds = (performance.now() - startedAt) / 1000
  if (hits !== (there ? batches.length * BATCH : 0)) throw new Error(`${hits} blocks were found`)
  return (batches.length * BATCH) / seconds
}

function keyOf(i: number, blocks: number, there: boolean): Uint8Array {
  const key = new Uint8Array(KEY_BYTES)
  const view = new DataView(key.buffer)
  const rank = Math.floor((i * 2 ** (8 * RANK_BYTES)) / blocks)
  view.setUint16(0, Math.floor(rank / 2 ** 32))
  view.setUint32(2, rank % 2 ** 32)
  key.set(tail(i, there), RANK_BYTES)
  return key
}

function tail(i: number, there: boolean): Uint8Array {
  return createHash('sha256')
    .update(`${i}${there}`)
    .digest()
    .subarray(0, KEY_BYTES - RANK_BYTES)
}
