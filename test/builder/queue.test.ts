/** The queue with a maker and a node that are quick: sharing, limits, logs, cancelling, failures. */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { LogLine } from '../../builder/queue/build-log.ts'
import { rejectsCode } from '../support/failures.ts'
import { openTestFarm, type TestFarm, withFarm } from '../support/farm/farm.ts'
import { withDirectory } from '../support/temporary.ts'

const BY = { who: 'tester', via: 'api' } as const
const PATIENCE = AbortSignal.timeout(20_000)

async function ask(farm: TestFarm, raw: object): Promise<number> {
  const submitted = await farm.submit(farm.requests.fromJson({ class: 'debian-12', ...raw }), BY)
  assert.is(submitted.kind, 'build')
  return submitted.kind === 'build' ? submitted.build.id : 0
}

test('a request becomes an image with all that belongs to it', async () => {
  await withFarm({}, async (farm) => {
    const id = await ask(farm, { name: 'first', fileType: '.img', boot: 'direct', packages: ['less'] })
    const build = await farm.queue.wait(id, PATIENCE)
    assert.is(build.state, 'ready', JSON.stringify(build.error))
    const [entry] = farm.repository.list()
    assert.equal(entry?.files, ['build.log', 'config.xml', 'kernel', 'sbom.cdx.json'])
    assert.equal(farm.testNode.published, [{ name: 'first', key: entry!.key, root: entry!.root }])
    assert.is(entry?.key, build.key)
    assert.is(entry?.packages, 2)
    const bom = JSON.parse(readFileSync(farm.repository.path(entry!, 'sbom.cdx.json'), 'utf8'))
    assert.is(bom.components[0].purl, 'pkg:deb/debian/bash@5.2.15-2%2Bb2?arch=amd64')
    assert.is(bom.components[1].purl, 'pkg:deb/debian/libc6@1:2.36-9?arch=amd64')
    assert.match(bom.serialNumber, /^urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
    assert.match(readFileSync(farm.repository.path(entry!, 'build.log'), 'utf8'), /stage base: miss/)
    assert.equal(readdirSync(join(farm.directory, 'farm', 'work', 'jobs')), [], 'nothing is left of the work')
    const kinds = farm.events.list().map(({ kind }) => kind)
    assert.equal(kinds, ['ready', 'stage', 'stage', 'started', 'requested'])
  })
})

test('equal requests at the same time share one build; a later one gets the image', async () => {
  await withFarm({}, async (farm) => {
    const ids = await Promise.all(Array.from({ length: 5 }, () => ask(farm, { name: 'same', packages: ['slow'] })))
    assert.equal(new Set(ids).size, 1)
    assert.is((await farm.queue.wait(ids[0]!, PATIENCE)).requests, 5)
    assert.equal(farm.maker.made, ['same'])
    const later = await farm.submit(
      farm.requests.fromJson({ class: 'debian-12', name: 'same', packages: ['slow'] }),
      BY,
    )
    assert.is(later.kind, 'image')
  })
})

test('no more builds run than allowed, and no more wait', async () => {
  await withFarm({ settings: { parallel: 2, queueMax: 3 } }, async (farm) => {
    const ids: number[] = []
    for (let i = 0; i < 5; i++) ids.push(await ask(farm, { name: `n${i}`, packages: ['slow'] }))
    await rejectsCode('QUEUE_FULL', farm.submit(farm.requests.fromJson({ class: 'debian-12', name: 'n5' }), BY))
    const states = await Promise.all(ids.map((id) => farm.queue.wait(id, PATIENCE)))
    assert.ok(states.every(({ state }) => state === 'ready'))
    assert.is(farm.maker.parallelMax, 2)
  })
})

test('builds wait while the disk has too little room, and say so', async () => {
  let free = 10
  await withFarm({ settings: { floorBytes: 100 }, freeBytes: async () => free }, async (farm) => {
    const id = await ask(farm, { name: 'a' })
    assert.is(farm.queue.get(id).waitsFor, 'disk')
    free = 1000
    await ask(farm, { name: 'b' })
    assert.is((await farm.queue.wait(id, PATIENCE)).state, 'ready')
  })
})

test('a failure says what the tool said, and leaves nothing behind', async () => {
  await withFarm({}, async (farm) => {
    const id = await ask(farm, { name: 'bad', packages: ['fail-no-space'] })
    const build = await farm.queue.wait(id, PATIENCE)
    assert.equal(build.error, { code: 'NO_SPACE', message: 'the tool failed: <b>no-space</b>' })
    assert.ok((await farm.queue.tail(id, 0)).some(({ text }) => text.startsWith('E: the tool said')))
    assert.equal(farm.repository.list(), [])
    assert.equal(farm.testNode.published, [])
    assert.equal(readdirSync(join(farm.directory, 'farm', 'work', 'jobs')), [])
    // The same request again is a new build.
    assert.ok((await ask(farm, { name: 'bad', packages: ['fail-no-space'] })) > id)
  })
})

test('a build that waits or runs can be cancelled, one that has ended cannot', async () => {
  await withFarm({}, async (farm) => {
    const first = await ask(farm, { name: 'a', packages: ['forever'] })
    const second = await ask(farm, { name: 'b', packages: ['forever'] })
    assert.is((await farm.queue.cancel(second, 'me')).state, 'cancelled')
    await farm.queue.cancel(first, 'me')
    assert.is((await farm.queue.wait(first, PATIENCE)).error?.code, 'CANCELLED')
    await rejectsCode('BUILD_OVER', farm.queue.cancel(first, 'me'))
    await rejectsCode('NO_BUILD', farm.queue.cancel(99, 'me'))
    assert.equal(farm.repository.list(), [])
    const third = await ask(farm, { name: 'c' })
    assert.is((await farm.queue.wait(third, PATIENCE)).state, 'ready', 'its place is free again')
  })
})

test('a maker that does not listen is cancelled all the same', async () => {
  await withFarm({}, async (farm) => {
    const id = await ask(farm, { name: 'a', packages: ['slow', 'stubborn'] })
    await new Promise((resolve) => setTimeout(resolve, 100))
    await farm.queue.cancel(id, 'me')
    const again = await ask(farm, { name: 'a', packages: ['slow', 'stubborn'] })
    assert.is.not(again, id, 'who asks anew does not join a build that is being cancelled')
    assert.is((await farm.queue.wait(id, PATIENCE)).state, 'cancelled')
    assert.is((await farm.queue.wait(again, PATIENCE)).state, 'ready')
    assert.is(farm.maker.parallelMax, 1)
  })
})

test('a log is followed from anywhere to its end, each line once', async () => {
  await withFarm({}, async (farm) => {
    const id = await ask(farm, { name: 'a', packages: ['slow'] })
    const follow = async (after: number): Promise<LogLine[]> => {
      const lines: LogLine[] = []
      for await (const batch of farm.queue.follow(id, after, PATIENCE)) lines.push(...batch)
      return lines
    }
    const [early, late] = await Promise.all([follow(0), new Promise((r) => setTimeout(r, 300)).then(() => follow(5))])
    assert.equal(
      early.map(({ number }) => number),
      early.map((_, i) => i + 1),
    )
    assert.equal(late, early.slice(5))
    assert.is(early.at(-1)?.text, 'ready')
    assert.equal(await follow(0), early, 'and the same when it is over')
  })
})

test('a follower that is slower than the build is told what was left out', async () => {
  await withFarm({}, async (farm) => {
    const id = await ask(farm, { name: 'a', packages: ['talkative'] })
    await farm.queue.wait(id, PATIENCE)
    const lines = await farm.queue.tail(id, 0)
    assert.is(lines.length, 2000)
    assert.is(lines.at(-1)?.text, 'ready')
  })
})

test('what was asked for is there after a restart; an ended queue takes nothing more', async () => {
  await withDirectory(async (directory) => {
    const before = await openTestFarm(directory)
    const id = await ask(before, { name: 'later' })
    await before.close()
    await rejectsCode('CANCELLED', before.submit(before.requests.fromJson({ class: 'debian-12', name: 'x' }), BY))
    const after = await openTestFarm(directory)
    assert.is(after.queue.get(id).state, 'queued')
    after.queue.start()
    assert.is((await after.queue.wait(id, PATIENCE)).state, 'ready')
    await after.close()
  })
})

test('a farm that stops lets its builds go on at the next start', async () => {
  await withDirectory(async (directory) => {
    const before = await openTestFarm(directory)
    before.queue.start()
    const id = await ask(before, { name: 'long', packages: ['slow'] })
    await new Promise((resolve) => setTimeout(resolve, 200))
    await before.close()
    const after = await openTestFarm(directory)
    const found = after.queue.get(id)
    assert.equal([found.state, found.attempts], ['interrupted', 0])
    after.queue.start()
    assert.is((await after.queue.wait(id, PATIENCE)).state, 'ready')
    await after.close()
  })
})

test('a deleted image is gone from repository and node, unless another one has the same bytes', async () => {
  await withFarm({}, async (farm) => {
    for (const name of ['a', 'b']) await farm.queue.wait(await ask(farm, { name }), PATIENCE)
    const [b, a] = farm.repository.list()
    assert.is(a?.root, b?.root)
    await farm.remove(a!.key, 'me')
    assert.ok(existsSync(farm.repository.image(b!)))
    await farm.remove(b!.key, 'me')
    assert.is(farm.node.imagePath(b!.root), undefined)
    assert.equal(farm.repository.list(), [])
    await rejectsCode('NO_BUILD', farm.remove(b!.key, 'me'))
  })
})

test('an image whose bytes are gone from the node is made anew', async () => {
  await withFarm({}, async (farm) => {
    const id = await ask(farm, { name: 'a' })
    await farm.queue.wait(id, PATIENCE)
    await farm.node.api.remove(farm.repository.list()[0]!.root)
    const again = await ask(farm, { name: 'a' })
    assert.is((await farm.queue.wait(again, PATIENCE)).state, 'ready')
    assert.is(farm.repository.list().length, 1)
  })
})

test.run()
