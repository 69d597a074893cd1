/** `farm log`. */
import type { Command } from 'commander'
import type { Cli } from '../../node/cli/cli.ts'
import { printable } from '../../node/printable.ts'
import { HotblockError } from '../../protocols/errors.ts'
import type { LogReport } from '../control/routes.ts'
import { failureOfBuild } from '../web/problems.ts'

export function register(farm: Command, cli: Cli): void {
  farm
    .command('log')
    .argument('[build]', "number of a build, or an image's key or name; default: the newest build")
    .description('print the log of a build')
    .option('--follow', 'go on until the build has ended; a failure of it is one of the command')
    .action(async (given: string | undefined, { follow = false }: { follow?: boolean }) => {
      const asked = given !== undefined && /^\d{1,7}$/.test(given) ? { build: Number(given) } : { image: given }
      const last = await cli.withDaemon(async (daemon) => {
        const lines: LogReport['lines'][number][] = []
        let after = 0
        for (;;) {
          const report = await daemon.others.call<LogReport>('/farm/log', { ...asked, follow, after })
          const { build } = report
          after = report.lines.at(-1)?.number ?? after
          // With --json it is one document, in the end.
          if (cli.json) lines.push(...report.lines)
          else for (const { text } of report.lines) cli.environment.stdout.write(`${printable(text)}\n`)
          const ended = build.ended && report.lines.length === 0
          if (!follow || ended) return { build, lines }
          if (cli.signal.aborted) throw new HotblockError('CANCELLED', 'stopped on request')
          Object.assign(asked, { build: build.id, image: undefined })
        }
      })
      if (cli.json) cli.print(last, () => '')
      const { build } = last
      if (follow && build.state !== 'ready') throw failureOfBuild(build.id, build.error)
    })
}
