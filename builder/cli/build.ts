/** `farm build`, `farm cancel`. */
import { open } from 'node:fs/promises'
import type { Command } from 'commander'
import type { Cli } from '../../node/cli/cli.ts'
import { formatBytes, formatSeconds, keyValues, type Style } from '../../node/cli/format.ts'
import { HotblockError } from '../../protocols/errors.ts'
import { XML_BYTES_MAX } from '../control/limits.ts'
import type { BuildReport, FollowProgress, ShownBuild } from '../control/routes.ts'

export function register(farm: Command, cli: Cli): void {
  farm
    .command('build')
    .argument('<config>', 'configuration of the image, XML')
    .description('ask the farm for an image')
    .option('--wait', 'wait until it is made; a failure of the build is one of the command')
    .option('--output <FILE>', 'wait, and put a copy of the image there')
    .action(async (given: string, flags: { wait?: boolean; output?: string }) => {
      const xml = await readConfiguration(cli.path(given))
      const output = flags.output === undefined ? undefined : cli.path(flags.output)
      const wait = flags.wait === true || output !== undefined
      const report = await cli.withDaemon((daemon) =>
        cli.withBar(async (bar) => {
          const show = ({ build }: FollowProgress): void =>
            bar.update(build.percent, 100, build.state, build.progressText)
          const made = await daemon.others.stream<FollowProgress, BuildReport>(
            '/farm/build',
            { xml, wait },
            show,
            cli.signal,
          )
          if (output === undefined || made.image === undefined) return made
          await daemon.others.call('/farm/place', { image: made.image.key, output })
          return { ...made, output }
        }),
      )
      cli.print(report, (style) => readable(report, style))
    })
  farm
    .command('cancel')
    .argument('<build>', 'number of the build')
    .description('cancel a build that waits or runs')
    .action(async (given: string) => {
      const build = readBuild(given)
      const report = await cli.withDaemon((daemon) => daemon.others.call<ShownBuild>('/farm/cancel', { build }))
      cli.print(report, (style) => keyValues([[`build ${report.id}`, report.shownState]], style))
    })
}

/** @throws USAGE */
export function readBuild(text: string): number {
  if (/^[1-9]\d{0,14}$/.test(text)) return Number(text)
  throw new HotblockError('USAGE', `${JSON.stringify(text.slice(0, 80))} is no number of a build`)
}

async function readConfiguration(path: string): Promise<string> {
  await using handle = await open(path, 'r')
  if (!(await handle.stat()).isFile()) throw new HotblockError('BAD_FILE', `not a regular file: ${path}`, { path })
  const buffer = Buffer.alloc(XML_BYTES_MAX + 1)
  const { bytesRead } = await handle.read(buffer, 0, buffer.length, 0)
  if (bytesRead <= XML_BYTES_MAX) return buffer.toString('utf8', 0, bytesRead)
  throw new HotblockError('BAD_FILE', `larger than ${XML_BYTES_MAX} bytes: ${path}`, { path })
}

function readable({ image, build, output }: BuildReport & { readonly output?: string }, style: Style): string {
  if (image === undefined) {
    const rows: [string, string | undefined][] = [
      ['build', `${build?.id}, ${build?.shownState}`],
      ['name', build?.name],
      ['log', `hotblock farm log ${build?.id} --follow`],
    ]
    return keyValues(rows, style)
  }
  const how = build === undefined ? 'was there already' : `built in ${formatSeconds(image.seconds)}`
  return keyValues(
    [
      ['name', `${style.bold(image.name)}, ${how}`],
      ['key', image.key],
      ['root', image.root],
      ['size', formatBytes(image.bytes)],
      ['sha256', image.sha256],
      ['stages', image.stages.map(({ stage, hit }) => `${stage}: ${hit ? 'hit' : 'miss'}`)],
      ['path', image.path],
      ['placed', output],
    ],
    style,
  )
}
