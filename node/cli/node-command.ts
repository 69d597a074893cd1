/** What all commands share that run a node until it is stopped. */
import type { Command } from 'commander'
import type { Config, RawSettings } from '../config.ts'
import type { Logger } from '../logging.ts'
import type { Cli } from './cli.ts'
import { gather } from './options.ts'

/** Flags of a node; what each may be is checked with the rest of the settings. */
export interface NodeFlags {
  readonly config?: string
  readonly listen?: string[]
  readonly bootstrap?: string[]
  readonly trust?: string[]
  readonly quota?: string
  readonly floor?: string
  readonly rateUp?: string
  readonly rateDown?: string
  readonly rack?: string
  readonly prefetchRateUp?: string
  readonly prefetchRateDown?: string
  readonly schedulerPeer?: string[]
  readonly orderPort?: string
  readonly nodesFile?: string
  readonly hookSpool?: string
  readonly hookSocket?: string
  readonly jobSocket?: string
  readonly logLevel?: string
}

export function addNodeOptions(command: Command): Command {
  return command
    .option('--listen <MULTIADDR>', 'the node listens here (repeatable; default: /ip4/0.0.0.0/tcp/7411)', gather)
    .option('--bootstrap <MULTIADDR>', 'peer to connect to at first (repeatable)', gather)
    .option('--trust <PEER>', 'accept records that this builder signed (repeatable)', gather)
    .option('--quota <SIZE>', 'most that images may take on disk, such as 200G (default: no quota)')
    .option('--floor <SIZE>', 'space that the node leaves free on the disk (default: 1G)')
    .option('--frame-cache <SIZE>', 'disk space for frames that are packed already; 0: none (default: 512M)')
    .option('--rate-up <RATE>', 'send at most so much a second: 100M is bytes, 1Gbit bits (default: no limit)')
    .option('--rate-down <RATE>', 'receive at most so much a second (default: no limit)')
    .option('--rack <NAME>', 'label of the rack that the node stands in; nodes of a rack prefer each other')
    .option('--prefetch-rate-up <RATE>', 'of that, for images that no job waits for (default: no further limit)')
    .option('--prefetch-rate-down <RATE>', 'of that, for images that no job waits for (default: no further limit)')
    .option('--scheduler-peer <PEER>', "obey orders of this scheduler's node (repeatable)", gather)
    .option('--order-port <PORT>', 'port of the nodes that this one gives orders to (default: 7411)')
    .option('--nodes-file <FILE>', 'where nodes of hosts are, as lines NAME HOST:PORT (default: at their names)')
    .option('--hook-spool <DIR>', 'where hooks note what went wrong (default: hooks in the home)')
    .option('--hook-socket <FILE>', "socket for a scheduler's hooks that run as another user (default: none)")
    .option('--job-socket <FILE>', `socket for the jobs of all users: wait for images (usual: /run/hotblock/job.sock)`)
    .option('--log-level <LEVEL>', 'trace, debug, info, warn, error, fatal or silent (default: info)')
}

/**
 * The node's settings, once its home can be used.
 *
 * @throws BAD_CONFIG, and what checkHome throws
 */
export async function loadNodeConfig(cli: Cli, { config: file, ...flags }: NodeFlags): Promise<Config> {
  // Loaded late: commands that only talk to a node need none of it.
  const { loadConfig } = await import('../config.ts')
  const { checkHome } = await import('../control/socket.ts')
  const { homeVariable, defaultHome, cwd } = cli.environment
  const config = await loadConfig({
    file,
    environmentHome: homeVariable,
    defaultHome,
    cwd,
    flags: {
      ...flags,
      home: cli.homeFlag === undefined ? undefined : cli.home,
      logLevel: flags.logLevel as RawSettings['logLevel'],
    },
  })
  await checkHome(config.home)
  return config
}

export async function nodeLogger(cli: Cli, config: Config): Promise<Logger> {
  const { createLogger } = await import('../logging.ts')
  const { stderr } = cli.environment
  return createLogger(config.logLevel, stderr.isTTY === true ? stderr : undefined)
}

/** Runs until the command is interrupted or the node was asked to stop through its control socket. */
export async function untilStopped(
  cli: Cli,
  node: { readonly closed: Promise<void>; stop(): Promise<void> },
): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  if (cli.signal.aborted) resolve()
  cli.signal.addEventListener('abort', () => resolve(), { once: true })
  await Promise.race([node.closed, promise])
  await node.stop()
}
