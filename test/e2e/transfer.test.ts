/** A builder and four workers as processes of their own: an image, then a related one, to all of them at once. */
import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { FetchReport } from '../../node/api.ts'
import { makePair, sameBytes } from '../support/images.ts'
import { fetchOn, publishOn, withMesh } from '../support/nodes.ts'
import { withDirectory } from '../support/temporary.ts'

const WORKERS = 4

test('four workers get an image and then a related one: bit for bit, holes kept, from each other', () =>
  withDirectory(async (directory) => {
    const { first, second } = await makePair(directory)
    await withMesh(directory, WORKERS, async ({ builder, workers }) => {
      for (const [name, { path }] of [
        ['first', first],
        ['second', second],
      ] as const) {
        await publishOn(builder, path, name)
        const outputs = workers.map(({ home }) => join(directory, `${name}-${home.slice(-2)}.img`))
        const reports = await Promise.all(workers.map((worker, i) => fetchOn(worker, name, outputs[i])))
        for (const output of outputs) {
          assert.ok(await sameBytes(output, path), `${output} differs from what was published`)
          const [copy, original] = [await stat(output), await stat(path)]
          assert.ok(copy.blocks <= original.blocks + 64, `${output} has lost holes`)
        }
        checkReports(reports, builder.peer, name)
        if (name === 'second') for (const { hotBytes } of reports) assert.ok(hotBytes > 0)
      }
    })
  }))

function checkReports(reports: readonly FetchReport[], builder: string, name: string): void {
  const text = JSON.stringify(reports.map(({ peers, coldBytes, wireBytes }) => ({ peers, coldBytes, wireBytes })))
  let fromBuilder = 0
  for (const { imageBytes, zeroBytes, hotBytes, coldBytes, wireBytes, fractionTransferred, peers } of reports) {
    assert.is(zeroBytes + hotBytes + coldBytes, imageBytes)
    assert.ok(Math.abs(fractionTransferred - wireBytes / imageBytes) < 1e-9)
    assert.is(
      peers.reduce((sum, { bytes }) => sum + bytes, 0),
      wireBytes,
    )
    assert.ok(peers.filter(({ blocks }) => blocks > 0).length >= 2, `${name}: drawn from one peer alone: ${text}`)
    fromBuilder += peers.find(({ peer }) => peer === builder)?.bytes ?? 0
  }
  const once = Math.min(...reports.map(({ wireBytes }) => wireBytes))
  console.log(`${name}: the builder sent ${(fromBuilder / once).toFixed(2)} copies`)
  assert.ok(fromBuilder <= 2 * once, `${name}: the builder sent more than two copies: ${text}`)
}

test.run()
