/** A maker for tests of queue and pages: writes a small file whose bytes are those of the configuration. */
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { ImageMaker } from '../../../builder/make/maker.ts'
import { type FailureCode, HotblockError } from '../../../protocols/errors.ts'
import { seededRandom } from '../../../protocols/ports.ts'

export interface TestMaker extends ImageMaker {
  /** Keys of what was made, in order: one each time. */
  readonly made: string[]
  /** How many were at work at the same time, at most. */
  readonly parallelMax: number
}

/**
 * Packages say what becomes of a build: `slow` takes a second, `forever` until it is cancelled, `fail-no-space` and
 * `fail-internal` end so, `talkative` writes many lines, `stubborn` does not listen to being cancelled.
 */
export function createMaker(bytes = 200_000): TestMaker {
  const made: string[] = []
  let working = 0
  let most = 0
  return {
    made,
    get parallelMax() {
      return most
    },
    stages: async () => [],
    async make(config, { directory, log, progress, signal }) {
      working += 1
      most = Math.max(most, working)
      try {
        const has = (name: string): boolean => config.packages.includes(name)
        made.push(config.name)
        log(`making ${config.class} for ${config.arch}`)
        progress({ phase: 'resolve', text: '', fraction: 1 })
        if (has('talkative')) for (let i = 1; i <= 5000; i++) log(`line ${i} of the tool`)
        const steps = has('slow') ? 20 : has('forever') ? Number.POSITIVE_INFINITY : 1
        for (let i = 0; i < steps; i++) {
          progress({ phase: 'stage', text: 'packages', fraction: Math.min(1, i / Math.min(steps, 100)) })
          if (steps > 1) await new Promise((resolve) => setTimeout(resolve, 50))
          if (!has('stubborn') && signal.aborted) throw signal.reason
          if (steps > 1) log(`step ${i}`)
        }
        for (const name of config.packages) {
          const [, code] = /^fail-(.+)$/.exec(name) ?? []
          if (code === undefined) continue
          log(`E: the tool said: <b>${code}</b> & more`)
          throw new HotblockError(
            code.toUpperCase().replaceAll('-', '_') as FailureCode,
            `the tool failed: <b>${code}</b>`,
          )
        }
        progress({ phase: 'assemble', text: config.fileType, fraction: 0.5 })
        const file = join(directory, 'image')
        await writeFile(file, content(config.packages.join(' ') + config.class + config.arch + config.fileType, bytes))
        const kernel = join(directory, 'vmlinuz')
        if (config.boot === 'direct') await writeFile(kernel, 'kernel')
        return {
          file,
          ...(config.boot === 'direct' ? { kernel } : {}),
          packages: [
            { name: 'bash', version: '5.2.15-2+b2', arch: config.arch, sha256: 'a'.repeat(64), family: 'debian' },
            { name: 'libc6', version: '1:2.36-9', arch: config.arch, sha256: '', family: 'debian' },
          ],
          stages: [
            { stage: 'base', key: 'b1', hit: made.length > 1, reason: 'made before', seconds: 0.01 },
            { stage: 'packages', key: 'p1', hit: false, reason: 'new packages', seconds: 0.5 },
          ],
        }
      } finally {
        working -= 1
      }
    },
  }
}

/** Bytes that a text decides. */
export function content(text: string, bytes: number): Buffer {
  let seed = 7
  for (const character of text) seed = (seed * 31 + character.charCodeAt(0)) | 0
  const random = seededRandom(seed)
  return Buffer.from(Uint8Array.from({ length: bytes }, () => Math.floor(random() * 256)))
}
