/** Processes that are killed in the middle: what was fetched stays, and others carry on. */
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { FetchProgress, FetchReport } from '../../node/api.ts'
import { HotblockError } from '../../protocols/errors.ts'
import { copyPackages, makeImage, sameBytes } from '../support/images.ts'
import { fetchOn, publishOn, type RunningNode, withMesh } from '../support/nodes.ts'
import { withDirectory } from '../support/temporary.ts'

const MIB = 1024 * 1024
/** So slow that a fetch can be hit in the middle. */
const SLOW = ['--rate-down', '6M']

async function makeOne(directory: string): Promise<string> {
  const tree = join(directory, 'tree')
  await mkdir(tree)
  await copyPackages(tree, ['@biomejs', '@typescript'])
  return (await makeImage(tree, join(directory, 'one'), 192 * MIB)).path
}

/** Begins a fetch and calls back with the fraction of the cold bytes that is there. */
function slowFetch(node: RunningNode, at: (done: number) => void): Promise<FetchReport | undefined> {
  const progress = ({ phase, doneBytes, imageBytes, coldBytes }: FetchProgress): void => {
    if (phase === 'cold') at(1 - (imageBytes - doneBytes) / coldBytes)
  }
  const signal = AbortSignal.timeout(100_000)
  return node.api.fetch('one', {}, progress, signal).catch((error) => {
    assert.instance(error, HotblockError)
    return undefined
  })
}

test('a fetching worker that is killed goes on from there, moves hardly anything twice, and ends right', () =>
  withDirectory(async (directory) => {
    const image = await makeOne(directory)
    await withMesh(directory, 0, async ({ builder, worker }) => {
      await publishOn(builder, image, 'one')
      let cold = Number.NaN
      let lacking = 1
      for (const killAt of [0, 0.3, 0.7]) {
        const node = await worker('k', SLOW)
        const plan = await node.api.plan('one')
        if (Number.isNaN(cold)) cold = plan.coldBytes
        let seen = 0
        const hit = Promise.withResolvers<void>()
        const fetching = slowFetch(node, (done) => {
          seen = 1 - lacking * (1 - done)
          if (seen >= killAt) hit.resolve()
        })
        await Promise.race([hit.promise, fetching])
        await node.kill()
        await fetching
        // What arrived before it was killed need not arrive again.
        const after = await worker('k', ['--rate-down', '64K'])
        const again = await lackingNow(after)
        await after.kill()
        assert.ok(
          again <= cold * (1 - seen + 0.05),
          `killed at ${seen}, ${again} of ${cold} bytes are to be moved again`,
        )
        lacking = again / cold
      }
      const last = await worker('k')
      const report = await fetchOn(last, 'one')
      assert.is(report.resumedBytes + report.coldBytes + report.hotBytes + report.zeroBytes, report.imageBytes)
      assert.ok(report.resumedBytes >= 0.6 * cold)
      assert.ok(await sameBytes(report.path, image))
    })
  }))

/** Cold bytes of a fetch that finds an unfinished image; the fetch itself is given up. */
async function lackingNow(node: RunningNode): Promise<number> {
  const found = Promise.withResolvers<number>()
  const end = new AbortController()
  const fetching = node.api.fetch(
    'one',
    {},
    ({ phase, coldBytes }) => {
      if (phase === 'cold') found.resolve(coldBytes)
    },
    end.signal,
  )
  fetching.catch(() => {})
  const bytes = await found.promise
  end.abort()
  return bytes
}

test('a fetch ends without a serving peer that is killed in the middle', () =>
  withDirectory(async (directory) => {
    const image = await makeOne(directory)
    await withMesh(directory, 1, async ({ builder, workers: [other], worker }) => {
      await publishOn(builder, image, 'one')
      await fetchOn(other!, 'one')
      const node = await worker('w2', SLOW)
      let killed: Promise<void> | undefined
      const report = await slowFetch(node, (done) => {
        if (done >= 0.3) killed ??= other!.kill()
      })
      await killed
      assert.ok(killed !== undefined && report !== undefined)
      const fromKilled = report!.peers.find(({ peer }) => peer === other!.peer)
      assert.ok((fromKilled?.blocks ?? 0) > 0, 'the peer was killed before it served anything')
      assert.ok(await sameBytes(report!.path, image))
    })
  }))

test.run()
