/** `hotblock farm`: runs until it is stopped. */
import type { Cli } from '../../node/cli/cli.ts'
import { keyValues } from '../../node/cli/format.ts'
import { loadNodeConfig, type NodeFlags, nodeLogger, untilStopped } from '../../node/cli/node-command.ts'
import type { LoadParts } from '../parts.ts'

export interface RunFlags extends NodeFlags {
  readonly listenHttp?: string
  readonly publicUrl?: string
  readonly tokenFile?: string
  readonly work?: string
  readonly parallel?: string
}

export async function runFarm(cli: Cli, flags: RunFlags, load: LoadParts): Promise<void> {
  const { listenHttp, publicUrl, tokenFile, work, parallel, ...nodeFlags } = flags
  const config = await loadNodeConfig(cli, nodeFlags)
  // Loaded late: the other commands of the farm need none of it.
  const { readSettings } = await import('../settings.ts')
  const ofFarm = { listenHttp, publicUrl, tokenFile, work, parallel }
  const settings = readSettings(config.farm, ofFarm, config.home, cli.environment.cwd)
  const log = await nodeLogger(cli, config)
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
  await untilStopped(cli, farm)
}
