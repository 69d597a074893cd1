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
    .description("make an image's hash table and print its root; needs no daemon")
    .option(...CUT_OPTION)
    .option(...BLOCK_OPTION)
    .option('--save <TABLE>', 'write the table to this file too, for hotblock simulate --table')
    .action(async (file: string, flags: HashFlags) => {
      const report = await hashFile(cli, cli.path(file), flags)
      cli.print(report, (style) => readable(report, style))
    })
}

interface HashFlags extends CutFlags {
  readonly save?: string
}

async function hashFile(cli: Cli, path: string, flags: HashFlags): Promise<HashReport> {
  const options = readCut(flags)
  const { hashImage } = await import('../../hashing.ts')
  const { createPool } = await import('../../pool/pool.ts')
  const { uniqueBlocks } = await import('../unique.ts')
  const pool = createPool()
  try {
    const { table, blobs, format, cutter, seconds } = await cli.withBar((bar) => {
      return cli.orCancelled(hashImage(path, pool, options, (done, total) => bar.update(done, total, 'hashing')))
    })
    if (flags.save !== undefined) {
      const { encodeTableFile } = await import('../../../protocols/table/file.ts')
      const { writeWhole } = await import('../../store/durable.ts')
      await writeWhole(cli.path(flags.save), encodeTableFile(blobs), 0o644, true)
    }
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
