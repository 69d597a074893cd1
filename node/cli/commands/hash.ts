import type { Command } from 'commander'
import type { Cli } from '../cli.ts'
import { formatBytes, formatCount, formatPart, formatSeconds, keyValues, type Style } from '../format.ts'
import { BLOCK_OPTION, CUT_OPTION, type CutFlags, readCut } from '../options.ts'

/** What `hotblock hash --json` prints. */
export interface HashReport {
  root: string
  format: string
  cutter: string
  imageBytes: number
  blocks: number
  uniqueBlocks: number
  zeroBytes: number
  segments: number
  tableBytes: number
  seconds: number
}

export function register(program: Command, cli: Cli): void {
  program
    .command('hash')
    .argument('<file>', 'image: raw disk or file system, tar, tar.gz, qcow2')
    .description("make an image's hash table and print its root; needs no daemon and stores nothing")
    .option(...CUT_OPTION)
    .option(...BLOCK_OPTION)
    .action(async (file: string, flags: CutFlags) => {
      const report = await hashFile(cli, cli.path(file), flags)
      cli.print(report, (style) => readable(report, style))
    })
}

async function hashFile(cli: Cli, path: string, flags: CutFlags): Promise<HashReport> {
  const options = readCut(flags)
  const { hashImage } = await import('../../hashing.ts')
  const { createPool } = await import('../../pool/pool.ts')
  const { uniqueBlocks } = await import('../unique.ts')
  const pool = createPool()
  try {
    const { table, format, cutter, seconds } = await cli.withBar((bar) => {
      return cli.orCancelled(hashImage(path, pool, options, (done, total) => bar.update(done, total, 'hashing')))
    })
    return {
      root: table.root.toString(),
      format,
      cutter,
      imageBytes: table.imageBytes,
      blocks: table.blocks,
      uniqueBlocks: uniqueBlocks(table),
      zeroBytes: table.zeroBytes,
      segments: table.segments.length,
      tableBytes: table.tableBytes,
      seconds,
    }
  } finally {
    await pool.close()
  }
}

function readable(report: HashReport, style: Style): string {
  const { imageBytes } = report
  return keyValues(
    [
      ['root', style.bold(report.root)],
      ['format', `${report.format}, cut by ${report.cutter}`],
      ['size', formatBytes(imageBytes)],
      ['zero', formatPart(report.zeroBytes, imageBytes)],
      ['blocks', `${formatCount(report.blocks)}, ${formatCount(report.uniqueBlocks)} of them different`],
      [
        'table',
        `${formatPart(report.tableBytes, imageBytes)} of the image, in ${formatCount(report.segments)} segments`,
      ],
      ['time', formatSeconds(report.seconds)],
    ],
    style,
  )
}
