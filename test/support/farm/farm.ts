/** Farms for tests: with a maker and a node that are quick, and a web server that is asked without a network. */
import { join } from 'node:path'
import type { FastifyInstance } from 'fastify'
import { type OpenFarm, openFarm } from '../../../builder/farm.ts'
import { type FarmSettings, readSettings } from '../../../builder/settings.ts'
import { readTokens } from '../../../builder/web/auth/tokens.ts'
import { createWeb } from '../../../builder/web/server.ts'
import type { Log } from '../../../protocols/ports.ts'
import { silentLog } from '../../../protocols/ports.ts'
import { withDirectory } from '../temporary.ts'
import { createMaker, type TestMaker } from './maker.ts'
import { createNode, type TestNode } from './node.ts'
import { testRequests } from './requests.ts'

export const TOKEN = 'a-token-for-tests-0123456789'
export const HOST = '127.0.0.1:8473'

export interface FarmOptions {
  readonly maker?: TestMaker
  readonly settings?: Partial<FarmSettings>
  readonly freeBytes?: () => Promise<number>
  readonly log?: Log
}

export interface TestFarm extends OpenFarm {
  readonly directory: string
  readonly maker: TestMaker
  readonly testNode: TestNode
}

/** Opens a farm in a directory; its queue is not started. */
export async function openTestFarm(directory: string, options: FarmOptions = {}): Promise<TestFarm> {
  const maker = options.maker ?? createMaker()
  const node = createNode(join(directory, 'images'))
  const settings = { ...readSettings({}, {}, directory, '/'), floorBytes: 0, ...options.settings }
  const farm = await openFarm({
    directory: join(directory, 'farm'),
    settings,
    requests: testRequests(),
    maker,
    node,
    log: options.log ?? silentLog,
    ...(options.freeBytes === undefined ? {} : { freeBytes: options.freeBytes }),
  })
  return { ...farm, directory, maker, testNode: node }
}

export async function withFarm(options: FarmOptions, use: (farm: TestFarm) => Promise<void>): Promise<void> {
  await withDirectory(async (directory) => {
    const farm = await openTestFarm(directory, options)
    farm.queue.start()
    try {
      await use(farm)
    } finally {
      await farm.close()
    }
  })
}

/** A farm and its web server. */
export function withWeb(
  options: FarmOptions & { readonly publicUrl?: string },
  use: (app: FastifyInstance, farm: TestFarm) => Promise<void>,
): Promise<void> {
  return withFarm(options, async (farm) => {
    const publicUrl = options.publicUrl === undefined ? undefined : new URL(options.publicUrl)
    const settings = { listenHttp: { host: '127.0.0.1', port: 8473 }, publicUrl }
    const tokens = readTokens(`tester:${TOKEN}`, 'tokens')
    const web = await createWeb({ farm, tokens, settings, log: options.log ?? silentLog })
    try {
      await use(web.app, farm)
    } finally {
      await web.close()
    }
  })
}
