/**
 * A process that uses a store until it is killed: `node store-child.ts HOME hold` only opens it, `… HOME SEED` does one
 * change after the other. Prints a line when the store is open.
 */
import { openStore } from '../../node/store/open.ts'
import type { Store } from '../../node/store/store.ts'
import { type Random, seededRandom } from '../../protocols/ports.ts'
import { integer } from './seeds.ts'
import { adoptImage, fetchImage, seededImage, type TestImage, writeImage } from './stores.ts'

/** All images that the process ever gives to the store. */
export function childImages(): TestImage[] {
  return Array.from({ length: 6 }, (_, i) => seededImage(i, 3 + 5 * i))
}

async function change(store: Store, random: Random, images: readonly TestImage[]): Promise<void> {
  const image = images[integer(random, 0, images.length - 1)]!
  const state = store.image(image.root)?.state
  const kind = random()
  if (kind < 0.3) await adoptImage(store, image)
  else if (kind < 0.6) await fetchImage(store, image)
  else if (kind < 0.8) {
    if (state !== undefined) await store.remove(image.root)
  } else if (kind < 0.9) {
    if (state === undefined) return
    const { path } = await store.reopen(image.root)
    await writeImage(path, image)
    await store.blocks.add(store.image(image.root)!.number, image.offsets, image.hashes)
    await store.putTableBytes(image.blobs)
    await store.complete(image.root)
  } else if (kind < 0.95) await store.gc()
  else if (state !== undefined) await store.setNames(image.root, [`name-${integer(random, 0, 9)}`])
}

if (import.meta.main) {
  const [home, task] = process.argv.slice(2) as [string, string]
  const images = childImages()
  const store = await openStore(home, { floorBytes: 0 })
  console.log('open')
  if (task === 'hold') setInterval(() => {}, 1000)
  else {
    const random = seededRandom(Number(task))
    for (;;) await change(store, random, images)
  }
}
