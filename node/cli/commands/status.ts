import type { Command } from 'commander'
import type { OrderReport, StatusReport, TransferRow } from '../../api.ts'
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

const ORDERS_SHOWN_MAX = 8

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

function packedText({ frames }: StatusReport): string | undefined {
  if (frames.bytesMax === 0) return undefined
  const packing = frames.packing === 0 ? '' : `, ${formatCount(frames.packing)} to pack`
  return `${formatBytes(frames.bytes)} of frames, ${formatCount(frames.kept)} sent so${packing}`
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
      ['packed', packedText(report)],
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
  const { hooks } = report
  const failures = Object.entries(hooks.failures).map(([code, count]) => `${code} ${formatCount(count)}`)
  const sum = (counts: object): number =>
    Object.values(counts).reduce((total: number, count: number) => total + count, 0)
  const told = keyValues(
    [
      [
        'hook calls',
        `${formatCount(hooks.calls.submit)} submit, ${formatCount(hooks.calls.allocate)} allocate, ${formatCount(hooks.calls.node)} node`,
      ],
      ['failures', failures.length === 0 ? undefined : failures],
      ['hosts told', sum(hooks.sent) === 0 ? undefined : outcomes(hooks.sent)],
      ['orders', sum(hooks.received) === 0 ? undefined : outcomes(hooks.received)],
    ],
    style,
  )
  const isTold = sum(hooks.calls) + failures.length + sum(hooks.sent) + sum(hooks.received) > 0
  const title = `${style.bold(`hotblock ${report.version}`)}  ${style.green('running')} for ${formatSeconds(report.uptimeSeconds)}`
  const parts = [
    title,
    section('Node', node, style),
    section('Mesh', mesh, style),
    section('Images', images, style),
    ...(isTold ? [section('Scheduler', told, style)] : []),
    ...(hooks.orders.length === 0 ? [] : [section('Orders', orderTable(hooks.orders, style), style)]),
    ...(report.transfers.length === 0 ? [] : [section('Transfers', transferTable(report.transfers, style), style)]),
  ]
  return parts.join('\n\n')
}

/** '5 taken, 1 refused' */
function outcomes(counts: Readonly<Record<string, number>>): string {
  const some = Object.entries(counts).filter(([, count]) => count > 0)
  return some.map(([outcome, count]) => `${formatCount(count)} ${outcome}`).join(', ')
}

function orderTable(orders: readonly OrderReport[], style: Style): string {
  return table(
    [
      { head: 'job' },
      { head: 'images' },
      { head: 'hosts', right: true },
      { head: 'outcome' },
      { head: 'time', right: true },
    ],
    orders.slice(0, ORDERS_SHOWN_MAX).map((order) => {
      const { taken, refused, unreachable, pending } = order
      return [
        `${order.scheduler} ${order.job}`.trim(),
        order.names.join(' '),
        formatCount(order.hosts),
        outcomes({ taken, refused, unreachable, pending }),
        formatSeconds(order.seconds),
      ]
    }),
    style,
  )
}

function transferTable(transfers: readonly TransferRow[], style: Style): string {
  return table(
    [
      { head: 'name' },
      { head: 'phase' },
      { head: 'for' },
      { head: 'done', right: true },
      { head: 'size', right: true },
      { head: 'moved', right: true },
      { head: 'peers', right: true },
      { head: 'time', right: true },
    ],
    transfers.map((t) => [
      t.name,
      t.phase,
      t.priority,
      t.imageBytes === 0 ? '-' : formatPercent(t.doneBytes / t.imageBytes),
      formatBytes(t.imageBytes),
      formatBytes(t.wireBytes),
      formatCount(t.peers),
      formatSeconds(t.seconds),
    ]),
    style,
  )
}
