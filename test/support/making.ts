/** Makers in directories of their own, and what they say. */
import { mkdirSync, mkdtempSync } from 'node:fs'
import { join } from 'node:path'
import type { Catalog } from '../../builder/catalog/catalog.ts'
import type { ImageConfig } from '../../builder/config/image-config.ts'
import { createMaker, type FarmMaker, type MakerOptions } from '../../builder/make/create-maker.ts'
import type { BuildProgress, MadeImage } from '../../builder/make/maker.ts'

export interface Making extends FarmMaker {
  readonly directory: string
  /** Makes an image in a new directory. */
  build(config: ImageConfig, signal?: AbortSignal): Promise<MadeImage & { lines: string[]; progress: BuildProgress[] }>
  /** Lines of all builds. */
  readonly lines: string[]
}

/** @param top new directories are made in it */
export function maker(top: string, catalog: Catalog, options: Partial<MakerOptions> = {}): Making {
  const directory = options.directory ?? mkdtempSync(join(top, 'maker-'))
  const results = mkdtempSync(join(top, 'results-'))
  const made = createMaker({ catalog: () => catalog, ...options, directory })
  const lines: string[] = []
  let jobs = 0
  return {
    ...made,
    directory,
    lines,
    async build(config, signal = new AbortController().signal) {
      const place = join(results, String(jobs++))
      mkdirSync(place)
      const [own, progress]: [string[], BuildProgress[]] = [[], []]
      const log = (line: string) => {
        own.push(line)
        lines.push(line)
      }
      const image = await made.make(config, { directory: place, log, progress: (p) => progress.push(p), signal })
      return { ...image, lines: own, progress }
    },
  }
}
