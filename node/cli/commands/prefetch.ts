import { setTimeout as sleep } from 'node:timers/promises'
import type { Command } from 'commander'
import { type FailureCode, HotblockError } from '../../../protocols/errors.ts'
import type { FetchReport } from '../../api.ts'
import type { Cli } from '../cli.ts'
import { formatCount, formatPercent, formatSeconds, keyValues, section, table } from '../format.ts'
import { gather, readTimeout, readWantedName } from '../options.ts'
import { fetchImage } from './fetch.ts'

const ASK_AGAIN_MS = 1000
/** Each of 10,000 hosts, all of them dead. */
const ORDER_TIMEOUT_MS = 20 * 60 * 1000
/** Failures that time may mend. */
const LATER: ReadonlySet<FailureCode> = new Set(['NOT_FOUND', 'NO_PEERS', 'STALLED'])

export function register(program: Command, cli: Cli): void {
  program
    .command('prefetch')
    .argument('<names...>', 'images: NAME, or NAME@BUILDER')
    .description('have the daemon fetch images in the background; it remembers them over a restart')
    .option('--on <HOSTS>', 'not here but on these nodes, such as n[01-16],m1 (repeatable)', gather)
    .option('--wait', 'until they are here')
    .option('--timeout <SECONDS>', 'with --wait: give up waiting after so long; the daemon goes on')
    .action(async (given: string[], flags: { on?: string[]; wait?: boolean; timeout?: string }) => {
      const names = [...new Set(given.map(readWantedName))]
      const timeoutSeconds = readTimeout(flags.timeout)
      if (timeoutSeconds !== undefined && flags.wait !== true) {
        throw new HotblockError('USAGE', '--timeout is of use only with --wait')
      }
      if (flags.on !== undefined) {
        if (flags.wait === true) throw new HotblockError('USAGE', '--wait is of no use with --on')
        await orderOn(cli, names, flags.on.join(','))
        return
      }
      const { accepted } = await cli.withDaemon((daemon) => daemon.prefetch(names))
      if (flags.wait !== true) {
        cli.print({ accepted }, (style) => keyValues([['accepted', accepted]], style))
        return
      }
      const images = await waitFor(cli, accepted, timeoutSeconds)
      cli.print({ accepted, images }, (style) => {
        const rows = images.map(({ name, seconds, fractionTransferred }) => {
          return [name, `here, ${formatPercent(fractionTransferred)} moved in ${formatSeconds(seconds)}`] as const
        })
        return keyValues(rows, style)
      })
    })
}

/** Tells other nodes. That some of them could not be told is in the answer, and no failure. */
async function orderOn(cli: Cli, names: string[], hosts: string): Promise<void> {
  const report = await cli.withDaemon((daemon) => daemon.order(names, hosts, {}), ORDER_TIMEOUT_MS)
  cli.print(report, (style) => {
    const { taken, refused, unreachable, failures } = report
    const rows = keyValues(
      [
        ['hosts', formatCount(report.hosts)],
        ['took it', formatCount(taken)],
        ['refused', refused === 0 ? undefined : formatCount(refused)],
        ['not reached', unreachable === 0 ? undefined : formatCount(unreachable)],
      ],
      style,
    )
    if (failures.length === 0) return rows
    const failed = table(
      [{ head: 'host' }, { head: 'why' }],
      failures.map(({ host, reason }) => [host, reason]),
      style,
    )
    return `${rows}\n\n${section('Not taken', failed, style)}`
  })
}

/**
 * Waits by asking for the same images: a fetch joins the one that is under way, and the want outlives both. A name that
 * is not published yet, or whose holders are away, is asked for again: that is what the want is for.
 */
async function waitFor(cli: Cli, names: readonly string[], timeoutSeconds: number | undefined): Promise<FetchReport[]> {
  const started = performance.now()
  const reports: FetchReport[] = []
  for (const name of names) {
    for (let report: FetchReport | undefined; report === undefined; ) {
      const left = timeoutSeconds === undefined ? undefined : timeoutSeconds - (performance.now() - started) / 1000
      if (left !== undefined && left <= 0) {
        throw new HotblockError('TIMEOUT', `${name} was not here after ${timeoutSeconds} s`, { name })
      }
      report = await fetchImage(cli, name, { timeoutSeconds: left }).catch(async (error: unknown) => {
        if (!(error instanceof HotblockError && LATER.has(error.code))) throw error
        await cli.orCancelled(sleep(Math.min(ASK_AGAIN_MS, (left ?? Number.POSITIVE_INFINITY) * 1000)))
        return undefined
      })
      if (report !== undefined) reports.push(report)
    }
  }
  return reports
}
