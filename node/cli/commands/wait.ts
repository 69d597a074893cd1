import type { Command } from 'commander'
import type { Cli } from '../cli.ts'
import { formatBytes, formatCount } from '../format.ts'
import { readTimeout, readWantedName } from '../options.ts'

export function register(program: Command, cli: Cli): void {
  program
    .command('wait')
    .argument('<name>', 'image: NAME, or NAME@BUILDER')
    .description('wait until an image is whole on this node, asking for it if need be, and print its path')
    .option('--timeout <SECONDS>', 'give up waiting after so long; the daemon goes on')
    .action(async (given: string, flags: { timeout?: string }) => {
      const name = readWantedName(given)
      const timeoutSeconds = readTimeout(flags.timeout)
      const report = await cli.withDaemon((daemon) => {
        return cli.withBar((bar) => {
          return daemon.wait(
            name,
            { timeoutSeconds },
            ({ doneBytes, imageBytes, wireBytes, peers }) => {
              bar.update(
                doneBytes,
                imageBytes,
                'waiting',
                `${formatBytes(wireBytes)} moved, ${formatCount(peers)} peers`,
              )
            },
            cli.signal,
          )
        })
      })
      cli.print(report, () => report.path)
    })
}
