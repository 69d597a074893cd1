/**
 * The farm: a node of the mesh with a build queue, a repository, pages, a REST API and a SOAP service in one process.
 *
 *     HOME/farm/builds/N          builds: configuration, state, log
 *     HOME/farm/repository/KEY    finished images; their bytes are in the node's store
 *     HOME/farm/events.jsonl      what happened
 *     HOME/farm/token             the token, where no --token-file is given
 *     WORK/jobs/N                 what a build works with (default of WORK: HOME/farm/work)
 */
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { NodeApi } from '../node/api.ts'
import type { Config } from '../node/config.ts'
import { startDaemon } from '../node/daemon.ts'
import type { Logger } from '../node/logging.ts'
import { HotblockError } from '../protocols/errors.ts'
import type { Log } from '../protocols/ports.ts'
import type { ImageConfig } from './config/image-config.ts'
import { farmRoutes } from './control/routes.ts'
import type { ImageMaker, StageInfo } from './make/maker.ts'
import { publishImage } from './publish.ts'
import type { Publish } from './queue/attempt.ts'
import type { Requester } from './queue/build.ts'
import { type FarmEvents, openEvents } from './queue/events.ts'
import { openQueue, type Queue, type Submitted } from './queue/queue.ts'
import type { Entry } from './repository/entry.ts'
import { openRepository, type Repository } from './repository/repository.ts'
import type { Requests } from './requests.ts'
import type { FarmSettings } from './settings.ts'
import { loadTokens } from './web/auth/tokens.ts'
import { startWeb } from './web/server.ts'

/** What the farm needs of the node that it is. */
export interface FarmNode {
  readonly api: Pick<NodeApi, 'status' | 'images' | 'remove' | 'peers'>
  imagePath(root: string): string | undefined
  place(root: string, output: string): Promise<void>
  readonly publish: Publish
}

/** What pages, services and commands ask of a farm. */
export interface Farm {
  readonly requests: Requests
  readonly queue: Queue
  readonly repository: Repository
  readonly events: FarmEvents
  readonly node: FarmNode
  readonly settings: Pick<FarmSettings, 'floorBytes' | 'parallel' | 'queueMax' | 'work'>
  readonly log: Log
  /** @throws QUEUE_FULL, NO_SPACE */
  submit(config: ImageConfig, by: Requester): Promise<Submitted>
  /** The stages that are kept for later images. */
  stages(): Promise<StageInfo[]>
  /** Removes an image from repository and store. @throws NO_BUILD */
  remove(key: string, who: string): Promise<Entry>
}

export interface OpenFarm extends Farm {
  /** Ends what runs; it goes on at the next start. */
  close(): Promise<void>
}

export interface OpenFarmInit {
  readonly directory: string
  readonly settings: FarmSettings
  readonly requests: Requests
  readonly maker: ImageMaker
  readonly node: FarmNode
  readonly log: Log
  readonly freeBytes?: () => Promise<number>
}

/** Opens queue and repository of a farm; builds begin when its queue is started. */
export async function openFarm(init: OpenFarmInit): Promise<OpenFarm> {
  const { directory, settings, requests, maker, node, log } = init
  const now = Date.now
  await mkdir(directory, { recursive: true, mode: 0o755 })
  const events = await openEvents(join(directory, 'events.jsonl'), log, now)
  const repository = await openRepository({
    directory: join(directory, 'repository'),
    imagePath: (root) => node.imagePath(root),
    async removeImage(root) {
      // It may have been removed by hand.
      if (node.imagePath(root) !== undefined) await node.api.remove(root)
    },
    log,
  })
  const queue = await openQueue({
    directory: join(directory, 'builds'),
    work: settings.work,
    limits: {
      parallel: settings.parallel,
      waitingMax: settings.queueMax,
      attemptsMax: settings.attempts,
      floorBytes: settings.floorBytes,
    },
    requests,
    maker,
    repository,
    publish: node.publish,
    events,
    log,
    now,
    ...(init.freeBytes === undefined ? {} : { freeBytes: init.freeBytes }),
  })
  return {
    requests,
    queue,
    repository,
    events,
    node,
    settings,
    log,
    submit: (config, by) => queue.submit(config, by),
    stages: () => maker.stages(),
    async remove(key, who) {
      const entry = await repository.remove(key)
      events.add({ kind: 'deleted', text: entry.config.fileType, key, name: entry.name, who })
      return entry
    },
    close: () => queue.close(),
  }
}

export interface FarmInit {
  readonly config: Config
  readonly settings: FarmSettings
  readonly log: Logger
  readonly requests: Requests
  readonly maker: ImageMaker
}

export interface RunningFarm {
  readonly peer: string
  readonly addresses: string[]
  /** Where the pages are. */
  readonly url: string
  readonly farm: Farm
  /** Resolves when the farm was asked to stop through its control socket. */
  readonly closed: Promise<void>
  /** Idempotent. */
  stop(): Promise<void>
}

/** @throws what startDaemon throws; BAD_CONFIG for the token file, LISTEN where the pages' address is taken */
export async function startFarm(init: FarmInit): Promise<RunningFarm> {
  const { config, settings, log, requests, maker } = init
  let farm: OpenFarm | undefined
  const daemon = await startDaemon({
    ...config,
    log,
    publisher: publishImage,
    controlRoutes: [
      farmRoutes(() => {
        if (farm !== undefined) return farm
        throw new HotblockError('NO_DAEMON', 'the farm is starting; try again in a moment')
      }),
    ],
  })
  const undo: (() => Promise<unknown>)[] = [() => daemon.stop()]
  const stop = async (): Promise<void> => {
    for (let last = undo.pop(); last !== undefined; last = undo.pop()) await last().catch((error) => warn(error))
  }
  const warn = (error: unknown): void => log.warn({ error: String(error) }, 'a part of the farm did not stop in order')
  try {
    const directory = join(config.home, 'farm')
    const opened = await openFarm({
      directory,
      settings,
      requests,
      maker,
      log,
      node: {
        api: daemon.api,
        imagePath: (root) => daemon.imagePath(root),
        place: (root, output) => daemon.place(root, output),
        async publish(file, name, key, progress) {
          const configDigest = Buffer.from(key, 'hex')
          const options = { cut: 'auto', configDigest, take: true }
          const { root, sequence } = await daemon.api.publish(file, name, options, ({ doneBytes, imageBytes }) =>
            progress(imageBytes === 0 ? 0 : doneBytes / imageBytes),
          )
          // What the repository shows is not evicted for something else.
          await daemon.api.pin(root, true)
          return { root, sequence }
        },
      },
    })
    farm = opened
    undo.push(() => opened.close())
    const tokens = await loadTokens(settings.tokenFile, join(directory, 'token'), log)
    const web = await startWeb({ farm: opened, tokens, settings, log })
    undo.push(() => web.close())
    opened.queue.start()
    let stopping: Promise<void> | undefined
    return {
      peer: daemon.peer,
      addresses: daemon.addresses,
      url: web.url,
      farm: opened,
      closed: daemon.closed,
      stop: () => {
        stopping ??= stop()
        return stopping
      },
    }
  } catch (error) {
    await stop()
    throw error
  }
}
