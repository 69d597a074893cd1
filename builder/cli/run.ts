/** `hotblock farm`: runs until it is stopped. */
import type { Cli } from '../../node/cli/cli.ts'
import { keyValues } from '../../node/cli/format.ts'
import type { RawSettings } from '../../node/config.ts'
import type { LoadParts } from '../parts.ts'

export interface RunFlags {
  readonly config?: string
  readonly listenHttp?: string
  readonly publicUrl?: string
  readonly tokenFile?: string
  readonly work?: string
  readonly parallel?: string
  readonly listen?: string[]
  readonly bootstrap?: string[]
  readonly trust?: string[]
  readonly quota?: string
  readonly floor?: string
  readonly rateUp?: string
  readonly rateDown?: string
  readonly logLevel?: string
}

export async function runFarm(cli: Cli, flags: RunFlags, load: LoadParts): Promise<void> {
  // Loaded late: the other commands of the farm need none of it.
  const { loadConfig } = await import('../../node/config.ts')
  const { checkHome } = await import('../../node/control/socket.ts')
  const { createLogger } = await import('../../node/logging.ts')
  const { readSettings } = await import('../settings.ts')
  const { stderr, homeVariable, defaultHome, cwd } = cli.environment
  const { config: file, listenHttp, publicUrl, tokenFile, work, parallel, ...nodeFlags } = flags
  const config = await loadConfig({
    file,
    environmentHome: homeVariable,
    defaultHome,
    cwd,
    flags: {
      ...nodeFlags,
      home: cli.homeFlag === undefined ? undefined : cli.home,
      logLevel: flags.logLevel as RawSettings['logLevel'],
    },
  })
  const settings = readSettings(config.farm, { listenHttp, publicUrl, tokenFile, work, parallel }, config.home, cwd)
  await checkHome(config.home)
  const log = createLogger(config.logLevel, stderr.isTTY === true ? stderr : undefined)
  const parts = await load(settings, log)
  const { startFarm } = await import('../farm.ts')
  const farm = await startFarm({ config, settings, log, ...parts })
  const { peer, addresses, url } = farm
  cli.print({ ready: true, peer, addresses, url }, (style) => {
    const rows = keyValues(
      [
        ['pages', style.bold(url)],
        ['peer', peer],
        ['home', config.home],
        ['addresses', addresses],
      ],
      style,
    )
    return `the farm is ready\n${rows}`
  })
  const { promise, resolve } = Promise.withResolvers<void>()
  if (cli.signal.aborted) resolve()
  cli.signal.addEventListener('abort', () => resolve(), { once: true })
  await Promise.race([farm.closed, promise])
  await farm.stop()
}
