/** One attempt at a build: make the image, publish it, put it into the repository. */
import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import { HotblockError } from '../../protocols/errors.ts'
import type { ImageConfig } from '../config/image-config.ts'
import type { BuildProgress, ImageMaker, MadeImage } from '../make/maker.ts'
import type { Beside, Entry } from '../repository/entry.ts'
import type { Content, Repository } from '../repository/repository.ts'
import { cycloneDx } from '../repository/sbom.ts'
import type { Build } from './build.ts'
import type { BuildLog } from './build-log.ts'

/** What became of a published file. */
export interface Published {
  readonly root: string
  readonly sequence: number
}

/** Takes a file into the node's store and publishes it; the file may be gone afterwards. `key`: the configuration's. */
export type Publish = (
  file: string,
  name: string,
  key: string,
  progress: (fraction: number) => void,
) => Promise<Published>

export interface AttemptInit {
  readonly build: Build
  readonly config: ImageConfig
  readonly xml: string
  /** Empty. */
  readonly directory: string
  readonly log: BuildLog
  readonly maker: ImageMaker
  readonly publish: Publish
  readonly repository: Repository
  readonly signal: AbortSignal
  readonly progress: (progress: BuildProgress) => void
  /** The image is made and is to be published: from here on it cannot be cancelled. */
  readonly onMade: (made: MadeImage) => void
  /** Milliseconds since the epoch. */
  readonly now: () => number
}

/** @throws what the maker and publishing throw; CANCELLED */
export async function attemptBuild(init: AttemptInit): Promise<Entry> {
  const { build, config, xml, directory, log, maker, publish, repository, signal, progress, now } = init
  const startedAt = now()
  const write = (line: string): void => log.write(line)
  const made = await maker.make(config, { directory, log: write, progress, signal })
  for (const stage of made.stages) {
    log.write(`stage ${stage.stage}: ${stage.hit ? 'hit' : 'miss'}, ${stage.reason} (${stage.seconds.toFixed(1)} s)`)
  }
  const bytes = (await stat(made.file)).size
  progress({ phase: 'done', text: 'checksum', fraction: 0 })
  const sha256 = await checksum(made.file, signal)
  if (signal.aborted) throw new HotblockError('CANCELLED', 'the build was cancelled')
  init.onMade(made)
  log.write(`publishing ${bytes} bytes as ${build.name}`)
  const { root, sequence } = await publish(made.file, build.name, build.key, (fraction) =>
    progress({ phase: 'done', text: 'publish', fraction }),
  )
  log.write(`published ${build.name}: ${root}`)
  const { id, key, name, by, config: summary, queuedAt } = build
  const image = { key, name, sha256, config: summary }
  const beside: Partial<Record<Beside, Content>> = {
    'config.xml': { data: xml },
    'sbom.cdx.json': { data: cycloneDx(image, made.packages) },
    'build.log': {
      data: `${log
        .tail(0)
        .map(({ text }) => text)
        .join('\n')}\n`,
    },
    ...(made.kernel === undefined ? {} : { kernel: { file: made.kernel } }),
    ...(made.initrd === undefined ? {} : { initrd: { file: made.initrd } }),
    ...(made.console === undefined ? {} : { 'console.log': { file: made.console } }),
  }
  const madeAt = now()
  return repository.add(
    {
      ...image,
      root,
      sequence,
      bytes,
      by,
      build: id,
      packages: made.packages.length,
      stages: [...made.stages],
      queuedAt,
      madeAt,
      seconds: (madeAt - startedAt) / 1000,
    },
    beside,
  )
}

async function checksum(file: string, signal: AbortSignal): Promise<string> {
  const hash = createHash('sha256')
  for await (const chunk of createReadStream(file, { highWaterMark: 256 * 1024 })) {
    hash.update(chunk as Buffer)
    if (signal.aborted) break
  }
  return hash.digest('hex')
}
