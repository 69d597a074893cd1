import type { Command } from 'commander'
import type { Cli } from '../cli.ts'
import { formatBytes, formatHot, formatPart, keyValues, type Style } from '../format.ts'
import { BLOCK_OPTION, CUT_OPTION, type CutFlags, readCut } from '../options.ts'

/** What `hotblock compare --json` prints. */
export interface CompareReport {
  imageBytes: number
  zeroBytes: number
  hotBytes: number
  coldBytes: number
  tableBytes: number
  compressedBytes: number
  hotFraction: number
  fractionTransferred: number
}

export function register(program: Command, cli: Cli): void {
  program
    .command('compare')
    .argument('<a>', 'image that a node has')
    .argument('<b>', 'image that it is to get')
    .description('say how much of image B is hot on a node that has image A; needs no daemon')
    .option(...CUT_OPTION)
    .option(...BLOCK_OPTION)
    .action(async (a: string, b: string, flags: CutFlags) => {
      const report = await compare(cli, cli.path(a), cli.path(b), flags)
      cli.print(report, (style) => readable(report, style))
    })
}

async function compare(cli: Cli, a: string, b: string, flags: CutFlags): Promise<CompareReport> {
  const options = readCut(flags)
  const { compareImages } = await import('../../comparing.ts')
  const { createPool } = await import('../../pool/pool.ts')
  const pool = createPool()
  try {
    const compared = await cli.withBar((bar) => {
      return cli.orCancelled(compareImages(a, b, pool, options, (done, total) => bar.update(done, total, 'hashing')))
    })
    const { imageBytes, zeroBytes, hotBytes, coldBytes, tableBytes, compressedBytes } = compared
    const { hotFraction, fractionTransferred } = compared
    return { imageBytes, zeroBytes, hotBytes, coldBytes, tableBytes, compressedBytes, hotFraction, fractionTransferred }
  } finally {
    await pool.close()
  }
}

function readable(report: CompareReport, style: Style): string {
  const { imageBytes, compressedBytes, tableBytes } = report
  const part = (bytes: number) => formatPart(bytes, imageBytes)
  return keyValues(
    [
      ['size', formatBytes(imageBytes)],
      ['zero', part(report.zeroBytes)],
      ['hot', formatHot(report.hotBytes, report.coldBytes, imageBytes, style)],
      ['cold', style.yellow(part(report.coldBytes))],
      ['cold, compressed', part(compressedBytes)],
      ['table', part(tableBytes)],
      ['moved', `${style.bold(part(compressedBytes + tableBytes))} of the image`],
    ],
    style,
  )
}
