import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { openWorkspace, type Workspace } from '../../../builder/make/workspace.ts'
import { openStageCache, type StageCache } from '../../../builder/stages/cache.ts'
import type { StageParts } from '../../../builder/stages/key.ts'
import { copyStaging } from '../../../builder/staging/copies.ts'
import { overlayStaging } from '../../../builder/staging/overlay.ts'
import { rejectsCode } from '../../support/failures.ts'
import { withDirectory } from '../../support/temporary.ts'
import { testBuild } from '../../support/tools.ts'

const parts = (name: string, parent = ''): StageParts => ({
  ...{ stage: parent === '' ? 'base' : 'groups', class: 'c', arch: 'amd64', parent },
  ...{ config: { name }, packages: [], tools: {} },
})
const { signal } = new AbortController()

/** Runs `use` with a cache on a directory, and a way to open it anew. */
async function withCache(use: (open: () => Promise<StageCache>, space: Workspace, directory: string) => Promise<void>) {
  await withDirectory(async (top) => {
    const directory = join(top, 'stages')
    const space = await openWorkspace(signal)
    let time = 1_700_000_000_000
    try {
      await use(() => openStageCache(directory, overlayStaging, () => (time += 1000)), space, directory)
    } finally {
      await space.close()
    }
  })
}

const fill = (space: Workspace, name: string, content: string) => async (tree: string) => {
  writeFileSync(space.outside(join(tree, name)), content)
  return { epoch: 7 }
}

testBuild('a stage is made once, is there after a restart, and says hit or miss and why', async () => {
  await withCache(async (open, space) => {
    const cache = await open()
    const base = await cache.use(parts('a'), undefined, space, signal, fill(space, 'f', 'a'))
    assert.is(base.hit, false)
    assert.is(base.reason, 'never built for c amd64')
    const top = await cache.use(parts('b', base.key), base, space, signal, fill(space, 'g', 'b'))
    assert.is(top.chain.length, 2)
    const again = await open()
    const never = () => Promise.reject(new Error('made again'))
    const found = await again.use(parts('a'), undefined, space, signal, never)
    assert.is(found.hit, true)
    assert.match(found.reason, /^made on 2023-11-14T/)
    assert.equal(found.facts, { epoch: 7 })
    const above = await again.use(parts('b', found.key), found, space, signal, never)
    const view = await overlayStaging.view(above.chain, space)
    assert.is(readFileSync(space.outside(join(view, 'f')), 'utf8'), 'a')
    assert.is(readFileSync(space.outside(join(view, 'g')), 'utf8'), 'b')
    const other = await again.use(parts('z'), undefined, space, signal, fill(space, 'f', 'z'))
    assert.is(other.reason, 'name changed')
  })
})

testBuild('requests for the same stage at the same time build it once; when that fails the next one does', async () => {
  await withCache(async (open, space) => {
    const cache = await open()
    let made = 0
    const slowly = async (tree: string) => {
      made++
      await new Promise((resolve) => setTimeout(resolve, 200))
      return fill(space, 'f', 'x')(tree)
    }
    const all = await Promise.all([1, 2, 3].map(() => cache.use(parts('a'), undefined, space, signal, slowly)))
    assert.is(made, 1)
    assert.equal(
      all.map(({ hit }) => hit),
      [false, true, true],
    )

    const fails = cache.use(parts('b'), undefined, space, signal, async () => {
      await new Promise((resolve) => setTimeout(resolve, 100))
      throw new Error('no')
    })
    const waits = cache.use(parts('b'), undefined, space, signal, fill(space, 'f', 'y'))
    await fails.then(
      () => assert.unreachable(),
      (error) => assert.is(error.message, 'no'),
    )
    assert.is((await waits).hit, false)
  })
})

testBuild('who waits for a stage can be cancelled', async () => {
  await withCache(async (open, space) => {
    const cache = await open()
    const { promise, resolve } = Promise.withResolvers<void>()
    const first = cache.use(parts('a'), undefined, space, signal, async (tree) => {
      await promise
      return fill(space, 'f', 'x')(tree)
    })
    const stop = new AbortController()
    const second = cache.use(parts('a'), undefined, space, stop.signal, () => Promise.reject(new Error('made twice')))
    stop.abort()
    await rejectsCode('CANCELLED', second)
    resolve()
    assert.is((await first).hit, false)
  })
})

testBuild(
  'what no build finished is removed at start: drafts, stages with a wrong key, layers without those below',
  async () => {
    await withCache(async (open, space, directory) => {
      const cache = await open()
      const base = await cache.use(parts('a'), undefined, space, signal, fill(space, 'f', 'a'))
      await cache.use(parts('b', base.key), base, space, signal, fill(space, 'g', 'b'))
      const forged = await cache.use(parts('d'), undefined, space, signal, fill(space, 'f', 'd'))
      const meta = join(forged.chain[0] ?? '', 'meta.json')
      writeFileSync(meta, readFileSync(meta, 'utf8').replace('"name":"d"', '"name":"e"'))
      mkdirSync(join(directory, 'draft-x/layer'), { recursive: true })
      mkdirSync(join(directory, 'half'))
      assert.is((await open()).list().length, 2)
      assert.is(readdirSync(directory).length, 3)
      writeFileSync(join(base.chain[0] ?? '', 'meta.json'), '{')
      assert.equal((await open()).list(), [])
      assert.equal(readdirSync(directory), ['past'])
    })
  },
)

testBuild('a stage that fails leaves nothing, and stages of another backend are made anew', async () => {
  await withCache(async (open, space, directory) => {
    const cache = await open()
    const boom = cache.use(parts('a'), undefined, space, signal, () => Promise.reject(new Error('boom')))
    await boom.then(
      () => assert.unreachable(),
      () => {},
    )
    assert.equal(readdirSync(directory), ['past'])
    await cache.use(parts('a'), undefined, space, signal, fill(space, 'f', 'a'))
    const copies = await openStageCache(directory, copyStaging('copy'), Date.now)
    const anew = await copies.use(parts('a'), undefined, space, signal, fill(space, 'f', 'a'))
    assert.is(anew.reason, 'built before, but no longer in the cache')
  })
})

testBuild('trimming takes what is not in use; a stage below another stays', async () => {
  await withCache(async (open, space) => {
    const cache = await open()
    const base = await cache.use(parts('a'), undefined, space, signal, fill(space, 'f', 'a'.repeat(100_000)))
    const left = await cache.use(parts('b', base.key), base, space, signal, fill(space, 'g', 'b'.repeat(100_000)))
    const right = await cache.use(parts('c', base.key), base, space, signal, fill(space, 'g', 'c'.repeat(100_000)))
    assert.equal(await cache.trim(0), [])
    left.release()
    assert.equal(await cache.trim(0), [left.key])
    assert.is(existsSync(left.chain[0] ?? ''), false)
    base.release()
    assert.equal(await cache.trim(0), [], 'the stage on top of it is in use')
    assert.is(await cache.remove(base.key), false)
    right.release()
    assert.ok(cache.list().every(({ inUse, bytes }) => !inUse && bytes >= 100_000))
    assert.is(await cache.remove(right.key), true)
    assert.is(await cache.remove(base.key), true)
    assert.equal(cache.list(), [])
  })
})

test.run()
