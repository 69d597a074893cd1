import type { Command } from 'commander'
import type { PublishReport } from '../../api.ts'
import type { Cli } from '../cli.ts'
import { formatBytes, formatCount, formatPart, formatSeconds, keyValues, type Style } from '../format.ts'
import { BLOCK_OPTION, CUT_OPTION, type CutFlags, readCut, readName } from '../options.ts'

const LABELS = { cut: 'cutting', import: 'storing', sign: 'signing', done: 'done' } as const

export function register(program: Command, cli: Cli): void {
  program
    .command('publish')
    .argument('<file>', 'image: raw disk or file system, tar, tar.gz, qcow2')
    .description('store an image, sign a record of it as builder, and offer it to the mesh')
    .requiredOption('--name <NAME>', 'name of the image; publishing again under a name makes a newer release')
    .option(...CUT_OPTION)
    .option(...BLOCK_OPTION)
    .action(async (file: string, flags: CutFlags & { name: string }) => {
      const path = cli.path(file)
      const name = readName(flags.name)
      const options = readCut(flags)
      const report = await cli.withDaemon((daemon) => {
        return cli.withBar((bar) => {
          return daemon.publish(path, name, options, ({ phase, doneBytes, imageBytes }) => {
            bar.update(doneBytes, imageBytes, LABELS[phase])
          })
        })
      })
      cli.print(report, (style) => readable(report, style))
    })
}

function readable(report: PublishReport, style: Style): string {
  const { imageBytes, zeroBytes } = report
  return keyValues(
    [
      ['name', `${style.bold(report.name)}, release ${report.sequence}`],
      ['root', report.root],
      ['format', `${report.format}, cut by ${report.cutter}`],
      ['size', formatBytes(imageBytes)],
      ['zero', formatPart(zeroBytes, imageBytes)],
      ['blocks', formatCount(report.blocks)],
      ['table', `${formatPart(report.tableBytes, imageBytes)} of the image`],
      ['time', formatSeconds(report.seconds)],
    ],
    style,
  )
}
