import type { Command } from 'commander'
import type { StatusReport, TransferRow } from '../../api.ts'
import type { Cli } from '../cli.ts'
import {
  formatBytes,
  formatCount,
  formatPercent,
  formatSeconds,
  keyValues,
  type Style,
  section,
  table,
} from '../format.ts'

export function register(program: Command, cli: Cli): void {
  program
    .command('status')
    .description('show how the node does')
    .action(async () => {
      const report = await cli.withDaemon((daemon) => daemon.status())
      cli.print(report, (style) => statusPage(report, style))
    })
  program
    .command('metrics')
    .description('print the metrics for Prometheus (with --json as one string in "metrics")')
    .action(async () => {
      const metrics = await cli.withDaemon((daemon) => daemon.metrics())
      cli.print({ metrics }, () => metrics.trimEnd())
    })
}

/** The page of `hotblock status`. Pure. */
export function statusPage(report: StatusReport, style: Style): string {
  const { store, dht, served, memory } = report
  const quota = store.quotaBytes === null ? '' : ` of ${formatBytes(store.quotaBytes)}`
  const node = keyValues(
    [
      ['peer', report.peer],
      ['home', report.home],
      ['addresses', report.addresses],
      ['trusts', report.trust.map((peer) => (peer === report.peer ? `${peer} (this node)` : peer))],
      ['memory', `${formatBytes(memory.rssBytes)}, ${formatBytes(memory.heapBytes)} of it heap`],
    ],
    style,
  )
  const mesh = keyValues(
    [
      ['connections', formatCount(report.connections)],
      ['DHT', `${dht.mode}, ${formatCount(dht.peers)} peers`],
      ['advertised', `${formatCount(dht.advertisedKeys)} keys`],
      ['kept for others', `${formatCount(dht.providerRecords)} provider records`],
      ['served', `${formatBytes(served.bytes)} in ${formatCount(served.blocks)} blocks`],
      ['refused', served.refused === 0 ? undefined : `${formatCount(served.refused)} requests`],
    ],
    style,
  )
  const images = keyValues(
    [
      ['complete', formatCount(report.images.complete)],
      ['partial', report.images.partial === 0 ? undefined : formatCount(report.images.partial)],
      ['on disk', `${formatBytes(store.imageBytes)}${quota}`],
      ['free', `${formatBytes(store.freeBytes)}, ${formatBytes(store.floorBytes)} of it to be left`],
      ['index', `${formatBytes(store.indexBytes)}, ${formatCount(store.indexedBlocks)} blocks`],
      ['waiting for', report.wants.length === 0 ? undefined : report.wants],
    ],
    style,
  )
  const title = `${style.bold(`hotblock ${report.version}`)}  ${style.green('running')} for ${formatSeconds(report.uptimeSeconds)}`
  const parts = [
    title,
    section('Node', node, style),
    section('Mesh', mesh, style),
    section('Images', images, style),
    ...(report.transfers.length === 0 ? [] : [section('Transfers', transferTable(report.transfers, style), style)]),
  ]
  return parts.join('\n\n')
}

function transferTable(transfers: readonly TransferRow[], style: Style): string {
  return table(
    [
      { head: 'name' },
      { head: 'phase' },
      { head: 'done', right: true },
      { head: 'size', right: true },
      { head: 'moved', right: true },
      { head: 'peers', right: true },
      { head: 'time', right: true },
    ],
    transfers.map((t) => [
      t.name,
      t.phase,
      t.imageBytes === 0 ? '-' : formatPercent(t.doneBytes / t.imageBytes),
      formatBytes(t.imageBytes),
      formatBytes(t.wireBytes),
      formatCount(t.peers),
      formatSeconds(t.seconds),
    ]),
    style,
  )
}
