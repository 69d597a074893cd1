import { mkdir, open, readdir, readFile, rename, rm, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import type { StageInfo } from '../make/maker.ts'
import { cancelled, runTool, runToolOk } from '../make/run.ts'
import type { Workspace } from '../make/workspace.ts'
import { stagingOf } from '../staging/choose.ts'
import { STAGING_KINDS, type Staging } from '../staging/staging.ts'
import { type Evictable, evictions } from './evict.ts'
import { LAYOUT_VERSION, STAGES, type StageParts, stageKey } from './key.ts'
import { whyMissed } from './why.ts'

/**
 * Finished stages, each in a directory named after its key:
 *
 *     DIR/KEY/meta.json      written before the rename that makes the stage visible
 *     DIR/KEY/…              the tree, as the staging backend keeps it
 *     DIR/draft-KEY-…/       one that is being made; removed at start
 *     DIR/past/KEY.json      parts of all stages that were ever made, for saying what changed
 */

const META = 'meta.json'
const PAST = 'past'
const PAST_MAX = 500
/** Characters of a key in names: enough, and many layers fit into the options of a mount. */
const NAME_CHARACTERS = 32

const packageSchema = z.object({
  name: z.string(),
  version: z.string(),
  arch: z.string(),
  sha256: z.string(),
  family: z.enum(['debian', 'rpm']),
})
const partsSchema = z.object({
  stage: z.enum(STAGES),
  class: z.string(),
  arch: z.string(),
  parent: z.string(),
  config: z.record(z.string(), z.unknown()),
  packages: z.array(packageSchema),
  tools: z.record(z.string(), z.string()),
})
const metaSchema = z.object({
  layout: z.literal(LAYOUT_VERSION),
  staging: z.enum(STAGING_KINDS),
  key: z.string(),
  chain: z.array(z.string()),
  parts: partsSchema,
  bytes: z.number(),
  builtAt: z.number(),
  usedAt: z.number(),
  seconds: z.number(),
  /** What the makers of later stages want to know of it. */
  facts: z.record(z.string(), z.number()),
})
type Meta = z.infer<typeof metaSchema>

export type Facts = Readonly<Record<string, number>>

/** A stage for people: `farm stages`. */
export interface StageHandle {
  readonly key: string
  readonly hit: boolean
  readonly reason: string
  readonly facts: Facts
  /** Directories of this stage and of those below, as a staging backend takes them. */
  readonly chain: readonly string[]
  /** Until then it is not evicted. */
  release(): void
}

export interface StageCache {
  /**
   * The stage with these parts, made if it is not there. Who asks while it is being made waits for that one; should
   * that fail, the next makes it itself.
   * @param below what it is made on, held by the caller
   * @param make fills the tree and returns the facts to keep
   */
  use(
    parts: StageParts,
    below: StageHandle | undefined,
    space: Workspace,
    signal: AbortSignal,
    make: (tree: string, reason: string) => Promise<Facts>,
  ): Promise<StageHandle>
  list(): StageInfo[]
  /** Removes what is beyond the limit. @returns keys of what went */
  trim(bytesMax: number): Promise<string[]>
  remove(key: string): Promise<boolean>
}

/**
 * Opens the cache and removes what no build finished, and stages of another layout or backend.
 * @param now milliseconds
 */
export async function openStageCache(directory: string, staging: Staging, now: () => number): Promise<StageCache> {
  await mkdir(join(directory, PAST), { recursive: true })
  const stages = new Map<string, Meta>()
  const past = await readPast(directory)
  for (const name of await readdir(directory)) {
    if (name === PAST) continue
    const meta = await readMeta(join(directory, name))
    if (meta?.staging === staging.kind && name === nameOf(meta.key)) stages.set(meta.key, meta)
    else await stagingOf(meta?.staging ?? staging.kind).remove(join(directory, name))
  }
  for (const [key, meta] of stages) {
    // A layer without those below is nothing.
    if (meta.chain.every((other) => stages.has(other))) continue
    stages.delete(key)
    await staging.remove(join(directory, nameOf(key)))
  }
  const used = new Map<string, number>()
  const making = new Map<string, Promise<void>>()
  let drafts = 0

  const hold = (key: string) => {
    used.set(key, (used.get(key) ?? 0) + 1)
    let held = true
    return () => {
      if (!held) return
      held = false
      const left = (used.get(key) ?? 1) - 1
      if (left === 0) used.delete(key)
      else used.set(key, left)
    }
  }

  const handle = async (meta: Meta, hit: boolean, reason: string): Promise<StageHandle> => {
    const release = hold(meta.key)
    const directoryOf = (key: string) => join(directory, nameOf(key))
    meta.usedAt = now()
    // Only the time changes; losing it costs a wrong order of eviction.
    await utimes(join(directoryOf(meta.key), META), meta.usedAt / 1000, meta.usedAt / 1000).catch(() => {})
    return {
      key: meta.key,
      hit,
      reason,
      facts: meta.facts,
      chain: [meta.key, ...meta.chain].map(directoryOf),
      release,
    }
  }

  const build = async (
    key: string,
    parts: StageParts,
    below: StageHandle | undefined,
    space: Workspace,
    make: (tree: string) => Promise<Facts>,
  ): Promise<Meta> => {
    const draft = join(directory, `draft-${nameOf(key)}-${drafts++}`)
    const startedAt = now()
    await mkdir(draft)
    try {
      const tree = await staging.begin(draft, below?.chain ?? [], space)
      const facts = await make(tree)
      await staging.finish(draft, space)
      const meta: Meta = {
        layout: LAYOUT_VERSION,
        staging: staging.kind,
        key,
        chain: below === undefined ? [] : [below.key, ...(stages.get(below.key)?.chain ?? [])],
        parts: { ...parts, config: { ...parts.config }, packages: [...parts.packages], tools: { ...parts.tools } },
        bytes: await sizeOf(draft),
        builtAt: now(),
        usedAt: now(),
        seconds: (now() - startedAt) / 1000,
        facts: { ...facts },
      }
      await writeFile(join(draft, META), JSON.stringify(meta))
      await syncFileSystem(draft)
      await rename(draft, join(directory, nameOf(key)))
      await syncDirectory(directory)
      return meta
    } catch (error) {
      // What is still mounted on it goes with the workspace; then the next start removes what is left.
      await space.run('umount', ['--recursive', join(draft, 'tree')]).catch(() => {})
      await staging.remove(draft).catch(() => {})
      throw error
    }
  }

  return {
    async use(parts, below, space, signal, make) {
      const key = stageKey(parts)
      for (let wait = making.get(key); wait !== undefined; wait = making.get(key)) await unlessAborted(signal, wait)
      const found = stages.get(key)
      if (found !== undefined) return handle(found, true, `made on ${new Date(found.builtAt).toISOString()}`)
      const reason = whyMissed(parts, [...past.values()].reverse())
      const { promise, resolve } = Promise.withResolvers<void>()
      making.set(key, promise)
      try {
        const meta = await build(key, parts, below, space, (tree) => make(tree, reason))
        stages.set(key, meta)
        past.delete(key)
        past.set(key, meta.parts)
        const [oldest = ''] = past.keys()
        if (past.size > PAST_MAX) {
          past.delete(oldest)
          await rm(join(directory, PAST, `${nameOf(oldest)}.json`), { force: true })
        }
        await writeFile(join(directory, PAST, `${nameOf(key)}.json`), JSON.stringify({ key, parts: meta.parts }))
        return await handle(meta, false, reason)
      } finally {
        making.delete(key)
        resolve()
      }
    },

    list() {
      return [...stages.values()]
        .map(({ key, parts, bytes, builtAt, usedAt, seconds }) => ({
          key,
          stage: parts.stage,
          class: parts.class,
          arch: parts.arch,
          parent: parts.parent,
          packages: parts.packages.length,
          bytes,
          builtAt,
          usedAt,
          seconds,
          inUse: used.has(key),
        }))
        .sort((a, b) => b.usedAt - a.usedAt)
    },

    async trim(bytesMax) {
      const all = [...stages.values()].map(
        ({ key, parts, bytes, usedAt }): Evictable => ({ key, parent: parts.parent, bytes, usedAt }),
      )
      // What a stage in use is made on is held through its chain.
      const inUse = new Set([...used.keys()].flatMap((key) => [key, ...(stages.get(key)?.chain ?? [])]))
      const gone = evictions(all, bytesMax, inUse)
      for (const key of gone) await drop(key)
      return gone
    },

    async remove(key) {
      if (!stages.has(key) || used.has(key)) return false
      if ([...stages.values()].some(({ chain }) => chain.includes(key))) return false
      await drop(key)
      return true
    },
  }

  async function drop(key: string): Promise<void> {
    stages.delete(key)
    const old = join(directory, `draft-gone-${nameOf(key)}`)
    // Out of sight first: what a crash leaves of it is then no stage.
    await rename(join(directory, nameOf(key)), old)
    await staging.remove(old)
  }
}

function nameOf(key: string): string {
  return key.slice(0, NAME_CHARACTERS)
}

async function readMeta(directory: string): Promise<Meta | undefined> {
  try {
    const path = join(directory, META)
    const meta = metaSchema.parse(JSON.parse(await readFile(path, 'utf8')))
    // A stage is what its parts say; anything else is no stage of ours.
    if (stageKey(meta.parts) !== meta.key) return undefined
    const file = await open(path)
    try {
      return { ...meta, usedAt: (await file.stat()).mtimeMs }
    } finally {
      await file.close()
    }
  } catch {
    return undefined
  }
}

async function readPast(directory: string): Promise<Map<string, StageParts>> {
  const past = new Map<string, StageParts>()
  const names = (await readdir(join(directory, PAST))).sort()
  for (const name of names) {
    try {
      const text = await readFile(join(directory, PAST, name), 'utf8')
      const { key, parts } = z.object({ key: z.string(), parts: partsSchema }).parse(JSON.parse(text))
      past.set(key, parts)
    } catch {
      // It only says what changed; without it something else is said.
    }
  }
  return past
}

/** Waits, but no longer than the signal lets it. @throws CANCELLED */
async function unlessAborted(signal: AbortSignal, wait: Promise<void>): Promise<void> {
  if (signal.aborted) throw cancelled()
  const { promise, reject } = Promise.withResolvers<never>()
  const stop = () => reject(cancelled())
  signal.addEventListener('abort', stop, { once: true })
  try {
    await Promise.race([wait, promise])
  } finally {
    signal.removeEventListener('abort', stop)
  }
}

/** Bytes on disk. */
async function sizeOf(directory: string): Promise<number> {
  const { stdout } = await runTool('du', ['--summarize', '--one-file-system', '--block-size=1', '--', directory])
  return Number.parseInt(stdout, 10) || 0
}

async function syncFileSystem(path: string): Promise<void> {
  await runToolOk('sync', ['--file-system', path])
}

async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path)
  try {
    await directory.sync()
  } finally {
    await directory.close()
  }
}
