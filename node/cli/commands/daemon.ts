import type { Command } from 'commander'
import type { Publisher } from '../../publisher.ts'
import type { Cli } from '../cli.ts'
import { keyValues } from '../format.ts'
import { addNodeOptions, loadNodeConfig, type NodeFlags, nodeLogger, untilStopped } from '../node-command.ts'

export function register(program: Command, cli: Cli): void {
  const daemon = program
    .command('daemon')
    .description('run the node until it is stopped; its log goes to standard error')
    .option('--config <FILE>', 'settings in YAML or JSON; flags go before them')
  addNodeOptions(daemon).action((flags: NodeFlags) => runDaemon(cli, flags))
}

async function runDaemon(cli: Cli, flags: NodeFlags): Promise<void> {
  const config = await loadNodeConfig(cli, flags)
  const log = await nodeLogger(cli, config)
  const { startDaemon } = await import('../../daemon.ts')
  // Loaded late: most nodes never publish.
  const publisher: Publisher = async (...args) => (await cli.environment.publisher())(...args)
  const daemon = await startDaemon({ ...config, log, publisher })
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
  await untilStopped(cli, daemon)
}
