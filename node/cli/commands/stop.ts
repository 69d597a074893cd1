import type { Command } from 'commander'
import type { Cli } from '../cli.ts'
import { keyValues } from '../format.ts'

export function register(program: Command, cli: Cli): void {
  program
    .command('stop')
    .description('stop the daemon and wait until it has stopped')
    .action(async () => {
      const { home } = cli
      await cli.withDaemon((daemon) => daemon.stop())
      cli.print({ stopped: true, home }, (style) => keyValues([['stopped', home]], style))
    })
}
