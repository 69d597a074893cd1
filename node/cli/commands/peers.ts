import type { Command } from 'commander'
import type { PeerRow } from '../../api.ts'
import type { Cli } from '../cli.ts'
import { formatBytes, formatSeconds, type Style, shortId, table } from '../format.ts'

export function register(program: Command, cli: Cli): void {
  program
    .command('peers')
    .description('list the peers that the node is connected to')
    .action(async () => {
      const rows = await cli.withDaemon((daemon) => daemon.peers())
      cli.print(rows, (style) => listed(rows, style))
    })
}

function listed(rows: readonly PeerRow[], style: Style): string {
  if (rows.length === 0) return '  no connections'
  return table(
    [
      { head: 'peer' },
      { head: 'way' },
      { head: 'for', right: true },
      { head: 'rtt', right: true },
      { head: 'received', right: true },
      { head: 'sent', right: true },
      { head: 'address' },
    ],
    rows.map((row) => [
      shortId(row.peer),
      row.direction,
      formatSeconds(row.connectedSeconds),
      row.rttSeconds === undefined ? '-' : `${(row.rttSeconds * 1000).toFixed(1)} ms`,
      formatBytes(row.receivedBytes),
      formatBytes(row.sentBytes),
      row.addresses[0]?.replace(/\/p2p\/[^/]+$/, '') ?? '-',
    ]),
    style,
  )
}
