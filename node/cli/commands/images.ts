import type { Command } from 'commander'
import type { ImageRow, PlanReport } from '../../api.ts'
import type { Cli } from '../cli.ts'
import { formatBytes, formatCount, formatPercent, keyValues, type Style, table } from '../format.ts'
import { readWantedName } from '../options.ts'

/** So much of a root tells images of a list apart. */
const ROOT_CHARACTERS = 16

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
  if (rows.length === 0) return `  no images${mesh ? '' : ' on this node; --mesh lists what builders have published'}`
  const columns = [{ head: 'name' }, { head: 'state' }, { head: 'size', right: true }, { head: 'zero', right: true }]
  const more = mesh ? [{ head: 'release', right: true }, { head: 'published' }, { head: 'builder' }] : []
  const lines = rows.map((row) => {
    const local = [
      row.name === '' ? '-' : row.name,
      row.pinned ? `${row.state}, pinned` : row.state,
      formatBytes(row.imageBytes),
      formatPercent(row.zeroBytes / row.imageBytes),
    ]
    const published = mesh ? [String(row.sequence ?? '-'), row.time ?? '-', row.builder ?? '-'] : []
    return [
      ...local,
      ...published,
      row.root.length > ROOT_CHARACTERS ? `…${row.root.slice(-ROOT_CHARACTERS)}` : row.root,
    ]
  })
  return table([...columns, ...more, { head: 'root' }], lines, style)
}

function planned(report: PlanReport, style: Style): string {
  const { imageBytes } = report
  const part = (bytes: number) => `${formatBytes(bytes).padEnd(10)}  ${formatPercent(bytes / imageBytes)}`
  return keyValues(
    [
      ['name', style.bold(report.name)],
      ['root', report.root],
      ['size', formatBytes(imageBytes)],
      ['zero', part(report.zeroBytes)],
      ['hot', style.green(part(report.hotBytes))],
      ['cold', style.yellow(part(report.coldBytes))],
      ['table', formatBytes(report.tableBytes)],
      ['holders', `${formatCount(report.holders)} peers`],
      ['room', report.fits ? style.green('fits') : style.red('does not fit')],
      ['evicts', report.evicts.length === 0 ? undefined : report.evicts],
    ],
    style,
  )
}
