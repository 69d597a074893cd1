import type { Command } from 'commander'
import type { ImageRow, PlanReport } from '../../api.ts'
import { printable } from '../../printable.ts'
import type { Cli } from '../cli.ts'
import {
  formatBytes,
  formatCount,
  formatHot,
  formatPart,
  formatPercent,
  keyValues,
  type Style,
  section,
  shortId,
  table,
} from '../format.ts'
import { readWantedName } from '../options.ts'

export function register(program: Command, cli: Cli): void {
  program
    .command('images')
    .description('list the images on this node')
    .option('--mesh', 'also what trusted builders have published')
    .action(async ({ mesh = false }: { mesh?: boolean }) => {
      const rows = await cli.withDaemon((daemon) => daemon.images({ mesh }))
      cli.print(rows, (style) => listed(rows, mesh, style))
    })
  program
    .command('plan')
    .argument('<name>', 'image')
    .description('say what a fetch of an image would move, and whether there is room; changes nothing')
    .action(async (given: string) => {
      const name = readWantedName(given)
      const report = await cli.withDaemon((daemon) => daemon.plan(name))
      cli.print(report, (style) => planned(report, style))
    })
}

function listed(rows: readonly ImageRow[], mesh: boolean, style: Style): string {
  if (mesh) return published(rows, style)
  if (rows.length === 0) return '  no images on this node; --mesh lists what builders have published'
  return table(
    [
      { head: 'name' },
      { head: 'state' },
      { head: 'size', right: true },
      { head: 'zero', right: true },
      { head: 'root' },
    ],
    rows.map((row) => [
      row.name === '' ? '-' : row.name,
      stateOf(row),
      formatBytes(row.imageBytes),
      formatPercent(row.zeroBytes / row.imageBytes),
      shortId(row.root),
    ]),
    style,
  )
}

/** Records, and below them the builders in full: NAME@BUILDER wants all of the id. */
function published(rows: readonly ImageRow[], style: Style): string {
  if (rows.length === 0) return '  no images: no record of a trusted builder has come here yet'
  const records = table(
    [
      { head: 'name' },
      { head: 'state' },
      { head: 'size', right: true },
      { head: 'release', right: true },
      { head: 'published' },
      { head: 'builder' },
      { head: 'root' },
    ],
    rows.map((row) => [
      row.name,
      row.state,
      formatBytes(row.imageBytes),
      String(row.sequence ?? '-'),
      row.time === undefined ? '-' : row.time.slice(0, 'YYYY-MM-DD'.length),
      shortId(row.builder ?? '-'),
      shortId(row.root),
    ]),
    style,
  )
  const builders = [...new Set(rows.flatMap(({ builder }) => builder ?? []))]
  return `${records}\n\n${section('Builders', builders.map((builder) => `  ${printable(builder)}`).join('\n'), style)}`
}

function stateOf({ state, pinned, inUse }: ImageRow): string {
  return [state, ...(pinned ? ['pinned'] : []), ...(inUse ? ['in use'] : [])].join(', ')
}

function planned(report: PlanReport, style: Style): string {
  const { imageBytes } = report
  const part = (bytes: number) => formatPart(bytes, imageBytes)
  return keyValues(
    [
      ['name', style.bold(report.name)],
      ['root', report.root],
      ['size', formatBytes(imageBytes)],
      ['zero', part(report.zeroBytes)],
      ['hot', formatHot(report.hotBytes, report.coldBytes, imageBytes, style)],
      ['cold', style.yellow(part(report.coldBytes))],
      ['table', part(report.tableBytes)],
      ['holders', formatCount(report.holders)],
      ['room', report.fits ? style.green('fits') : style.red('does not fit')],
      ['evicts', report.evicts.length === 0 ? undefined : report.evicts],
    ],
    style,
  )
}
