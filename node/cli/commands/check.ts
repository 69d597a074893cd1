import type { Command } from 'commander'
import { HotblockError } from '../../../protocols/errors.ts'
import type { RepairReport, VerifyReport } from '../../api.ts'
import type { Cli } from '../cli.ts'
import { formatBytes, formatCount, keyValues, type Style, shortId, table } from '../format.ts'
import { readWantedName } from '../options.ts'

const LABELS = { verify: 'verify', repair: 'repair' } as const

export function register(program: Command, cli: Cli): void {
  program
    .command('verify')
    .argument('[name]', 'image (default: all)')
    .description('re-hash images on disk; exit status 11 if a block is broken')
    .action(async (name: string | undefined) => {
      const report = await check(cli, 'verify', name)
      const error = damage(report.badBlocks)
      cli.print({ ...report, ...(error && { error }) }, (style) => readable(report, style))
      if (error !== undefined) throw error
    })
  program
    .command('repair')
    .argument('[name]', 'image (default: all)')
    .description('re-hash images on disk and fetch broken blocks from the mesh')
    .action(async (name: string | undefined) => {
      const report = (await check(cli, 'repair', name)) as RepairReport
      const error = damage(report.badBlocks - report.repairedBlocks)
      cli.print({ ...report, ...(error && { error }) }, (style) => {
        return `${readable(report, style)}\n${repaired(report, style)}`
      })
      if (error !== undefined) throw error
    })
}

/** With --json it stands beside the report, in the same document. */
function damage(badBlocks: number): HotblockError | undefined {
  if (badBlocks === 0) return undefined
  return new HotblockError('DAMAGED', `broken blocks on this node: ${badBlocks}`, { badBlocks })
}

function check(cli: Cli, method: 'verify' | 'repair', given: string | undefined): Promise<VerifyReport> {
  const name = given === undefined ? undefined : readWantedName(given)
  return cli.withDaemon((daemon) => {
    return cli.withBar((bar) => {
      return daemon[method](name, ({ phase, name: image, doneBytes, imageBytes }) => {
        bar.update(doneBytes, imageBytes, LABELS[phase], image)
      })
    })
  })
}

function readable(report: VerifyReport, style: Style): string {
  if (report.images.length === 0) return '  no images'
  return table(
    [{ head: 'name' }, { head: 'checked', right: true }, { head: 'broken blocks', right: true }, { head: 'root' }],
    report.images.map((image) => [
      image.name === '' ? '-' : image.name,
      formatBytes(image.checkedBytes),
      image.badBlocks === 0 ? 'none' : formatCount(image.badBlocks),
      shortId(image.root),
    ]),
    style,
  )
}

function repaired(report: RepairReport, style: Style): string {
  return keyValues([['repaired', `${formatCount(report.repairedBlocks)} blocks`]], style)
}
