import type { Command } from 'commander'
import type { FetchPhase, FetchProgress, FetchReport, PeerShare } from '../../api.ts'
import type { Cli } from '../cli.ts'
import {
  formatBytes,
  formatCount,
  formatHot,
  formatPart,
  formatPercent,
  formatSeconds,
  formatSpeed,
  keyValues,
  type Style,
  section,
  shortId,
  table,
} from '../format.ts'
import { readTimeout, readWantedName } from '../options.ts'
import type { Bar } from '../progress.ts'

const LABELS: Readonly<Record<FetchPhase, string>> = {
  record: 'finding',
  table: 'table',
  resume: 'resume',
  hot: 'hot',
  cold: 'cold',
  finish: 'finish',
  place: 'placing',
  done: 'done',
}

export function register(program: Command, cli: Cli): void {
  program
    .command('fetch')
    .argument('<name>', 'image: NAME, or NAME@BUILDER')
    .description('bring an image here, moving only its cold blocks, and say what it took')
    .option('--output <FILE>', 'also place it there; a reflink where the file system can')
    .option('--timeout <SECONDS>', 'give up waiting after so long')
    .action(async (given: string, flags: { output?: string; timeout?: string }) => {
      const name = readWantedName(given)
      const timeoutSeconds = readTimeout(flags.timeout)
      const output = flags.output === undefined ? undefined : cli.path(flags.output)
      const report = await fetchImage(cli, name, { output, timeoutSeconds })
      cli.print(report, (style) => readable(report, style))
    })
}

/** Fetches with a progress bar. */
export function fetchImage(
  cli: Cli,
  name: string,
  options: { output?: string | undefined; timeoutSeconds?: number | undefined },
): Promise<FetchReport> {
  return cli.withDaemon((daemon) => {
    return cli.withBar((bar) => {
      return daemon.fetch(name, options, showFetch(bar), cli.signal)
    })
  })
}

/** Shows the progress of a fetch on a bar. */
export function showFetch(bar: Bar): (progress: FetchProgress) => void {
  return ({ phase, doneBytes, imageBytes, wireBytes, peers }) => {
    const detail = `${formatBytes(wireBytes)} moved, ${formatCount(peers)} peers`
    bar.update(doneBytes, imageBytes, LABELS[phase], detail)
  }
}

/** What the slides of 2007 asked of a transfer: what was hot, what moved, and the virtual speed. */
function readable(report: FetchReport, style: Style): string {
  const { imageBytes } = report
  const part = (bytes: number) => formatPart(bytes, imageBytes)
  const rows = keyValues(
    [
      ['name', style.bold(report.name)],
      ['root', report.root],
      ['size', formatBytes(imageBytes)],
      ['zero', part(report.zeroBytes)],
      ['hot', formatHot(report.hotBytes, report.coldBytes, imageBytes, style)],
      ['cold', style.yellow(part(report.coldBytes))],
      ['resumed', report.resumedBytes === 0 ? undefined : part(report.resumedBytes)],
      ['moved', `${style.bold(part(report.wireBytes))} of the image, ${formatBytes(report.tableBytes)} of it table`],
      ['time', formatSeconds(report.seconds)],
      ['virtual speed', style.bold(formatSpeed(report.virtualSpeed))],
      ['path', report.path],
      ['placed', report.output],
    ],
    style,
  )
  if (report.peers.length === 0) return rows
  return `${rows}\n\n${section('Peers', peerTable(report.peers, style), style)}`
}

function peerTable(peers: readonly PeerShare[], style: Style): string {
  const total = peers.reduce((sum, { bytes }) => sum + bytes, 0)
  return table(
    [
      { head: 'peer' },
      { head: 'role' },
      { head: 'blocks', right: true },
      { head: 'bytes', right: true },
      { head: 'share', right: true },
    ],
    [...peers]
      .sort((a, b) => b.bytes - a.bytes)
      .map((p) => [
        shortId(p.peer),
        p.role,
        formatCount(p.blocks),
        formatBytes(p.bytes),
        formatPercent(p.bytes / total),
      ]),
    style,
  )
}
