import type { Command } from 'commander'
import type { RawSettings } from '../../config.ts'
import type { Cli } from '../cli.ts'
import { keyValues } from '../format.ts'
import { gather } from '../options.ts'

interface DaemonFlags {
  readonly config?: string
  readonly listen?: string[]
  readonly bootstrap?: string[]
  readonly trust?: string[]
  readonly quota?: string
  readonly floor?: string
  readonly rateUp?: string
  readonly rateDown?: string
  readonly logLevel?: string
}

export function register(program: Command, cli: Cli): void {
  program
    .command('daemon')
    .description('run the node until it is stopped; its log goes to standard error')
    .option('--config <FILE>', 'settings in YAML or JSON; flags go before them')
    .option('--listen <MULTIADDR>', 'listen here (repeatable; default: /ip4/0.0.0.0/tcp/7411)', gather)
    .option('--bootstrap <MULTIADDR>', 'peer to connect to at first (repeatable)', gather)
    .option('--trust <PEER>', 'accept records that this builder signed (repeatable)', gather)
    .option('--quota <SIZE>', 'most that images may take on disk, such as 200G (default: no quota)')
    .option('--floor <SIZE>', 'space to leave free on the disk (default: 1G)')
    .option('--rate-up <RATE>', 'send at most so much a second: 100M is bytes, 1Gbit bits (default: no limit)')
    .option('--rate-down <RATE>', 'receive at most so much a second (default: no limit)')
    .option('--log-level <LEVEL>', 'trace, debug, info, warn, error, fatal or silent (default: info)')
    .action((flags: DaemonFlags) => runDaemon(cli, flags))
}

async function runDaemon(cli: Cli, { config: file, ...flags }: DaemonFlags): Promise<void> {
  const { stderr, homeVariable, defaultHome, cwd } = cli.environment
  const { loadConfig } = await import('../../config.ts')
  const config = await loadConfig({
    file,
    environmentHome: homeVariable,
    defaultHome,
    cwd,
    // What a flag may be is checked with the rest of the settings.
    flags: {
      ...flags,
      home: cli.homeFlag === undefined ? undefined : cli.home,
      logLevel: flags.logLevel as RawSettings['logLevel'],
    },
  })
  const { checkHome } = await import('../../control/socket.ts')
  await checkHome(config.home)
  const { createLogger } = await import('../../logging.ts')
  const log = createLogger(config.logLevel, stderr.isTTY === true ? stderr : undefined)
  const { startDaemon } = await import('../../daemon.ts')
  const daemon = await startDaemon({ ...config, log, publisher: await cli.environment.publisher() })
  const { peer, addresses } = daemon
  cli.print({ ready: true, peer, addresses }, (style) => {
    const rows = keyValues(
      [
        ['peer', style.bold(peer)],
        ['home', config.home],
        ['addresses', addresses],
      ],
      style,
    )
    return `hotblock is ready\n${rows}`
  })
  await Promise.race([daemon.closed, aborted(cli.signal)])
  await daemon.stop()
}

function aborted(signal: AbortSignal): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  if (signal.aborted) resolve()
  signal.addEventListener('abort', () => resolve(), { once: true })
  return promise
}
