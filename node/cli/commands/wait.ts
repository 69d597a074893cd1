import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { Command } from 'commander'
import type { Cli } from '../cli.ts'
import { formatBytes, formatCount } from '../format.ts'
import { readTimeout, readWantedName } from '../options.ts'

/** Where users find the daemon of their machine, if it has opened a socket for them there. */
export const JOB_SOCKET = '/run/hotblock/job.sock'

export function register(program: Command, cli: Cli): void {
  program
    .command('wait')
    .argument('<name>', 'image: NAME, or NAME@BUILDER')
    .description('wait until an image is whole on this node, asking for it if need be, and print its path')
    .option('--timeout <SECONDS>', 'give up waiting after so long; the daemon goes on')
    .option('--socket <FILE>', `the daemon's job socket (default: control.sock in the home, else ${JOB_SOCKET})`)
    .action(async (given: string, flags: { timeout?: string; socket?: string }) => {
      const name = readWantedName(given)
      const timeoutSeconds = readTimeout(flags.timeout)
      const report = await cli.withDaemon(
        (daemon) => {
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
        },
        undefined,
        socketOf(cli, flags.socket),
      )
      cli.print(report, () => report.path)
    })
}

/** Whoever names a home means that one; the others, who cannot open the control socket of root's, get the job socket. */
export function socketOf(cli: Cli, given: string | undefined): string | undefined {
  if (given !== undefined) return cli.path(given)
  if (cli.homeFlag !== undefined || cli.environment.homeVariable !== undefined) return undefined
  return !existsSync(join(cli.home, 'control.sock')) && existsSync(JOB_SOCKET) ? JOB_SOCKET : undefined
}
