import type { Command } from 'commander'
import type { Cli } from '../cli.ts'
import { formatBytes, keyValues } from '../format.ts'
import { readWantedName } from '../options.ts'

export function register(program: Command, cli: Cli): void {
  for (const [command, pinned, description] of [
    ['pin', true, 'never evict an image'],
    ['unpin', false, 'let an image be evicted again when space is needed'],
  ] as const) {
    program
      .command(command)
      .argument('<name>', 'image')
      .description(description)
      .action(async (given: string) => {
        const name = readWantedName(given)
        const row = await cli.withDaemon((daemon) => daemon.pin(name, pinned))
        cli.print(row, (style) => keyValues([[row.name, row.pinned ? 'pinned' : 'not pinned']], style))
      })
  }
  program
    .command('rm')
    .argument('<name>', 'image')
    .description('remove an image from this node')
    .action(async (given: string) => {
      const name = readWantedName(given)
      const report = await cli.withDaemon((daemon) => daemon.remove(name))
      cli.print(report, (style) =>
        keyValues([[report.name, `removed, ${formatBytes(report.freedBytes)} freed`]], style),
      )
    })
  program
    .command('gc')
    .description('remove what nothing refers to, and evict what is beyond quota and floor')
    .action(async () => {
      const report = await cli.withDaemon((daemon) => daemon.gc())
      cli.print(report, (style) => keyValues([['freed', formatBytes(report.freedBytes)]], style))
    })
}
