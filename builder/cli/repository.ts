/** `farm list`, `farm rm`, `farm stages`. */
import type { Command } from 'commander'
import type { Cli } from '../../node/cli/cli.ts'
import { formatBytes, formatSeconds, keyValues, type Style, section, table } from '../../node/cli/format.ts'
import type { FarmList, ShownBuild, ShownImage } from '../control/routes.ts'
import type { StageInfo, StageReport } from '../make/maker.ts'

const ENDED_SHOWN = 10
const KEY_CHARACTERS = 12

interface StagesReport {
  readonly images: readonly StagesOf[]
  readonly failed: readonly StagesOf[]
  /** Empty where one image was asked for. */
  readonly cache: readonly StageInfo[]
}
interface StagesOf {
  readonly key: string
  readonly name: string
  readonly build: number
  readonly stages: readonly StageReport[]
}

export function register(farm: Command, cli: Cli): void {
  farm
    .command('list')
    .description('list the images of the farm and its builds')
    .action(async () => {
      const report = await cli.withDaemon((daemon) => daemon.others.call<FarmList>('/farm/list', {}))
      cli.print(report, (style) => listed(report, style))
    })
  farm
    .command('rm')
    .argument('<image>', 'key, or the first characters of one, or name (its newest image)')
    .description('delete an image from the farm and from its node')
    .action(async (image: string) => {
      const report = await cli.withDaemon((daemon) =>
        daemon.others.call<{ key: string; name: string; bytes: number }>('/farm/remove', { image }),
      )
      cli.print(report, (style) => keyValues([[report.name, `deleted, ${formatBytes(report.bytes)}`]], style))
    })
  farm
    .command('stages')
    .argument('[image]', 'key or name; default: all images')
    .description('say of each stage of an image whether the cache had it, and why')
    .action(async (image: string | undefined) => {
      const report = await cli.withDaemon((daemon) => daemon.others.call<StagesReport>('/farm/stages', { image }))
      cli.print(report, (style) => staged(report, style))
    })
}

function listed({ images, builds }: FarmList, style: Style): string {
  const shown = [...builds.filter(({ ended }) => !ended), ...builds.filter(({ ended }) => ended).slice(0, ENDED_SHOWN)]
  const made = images.length === 0 ? '  no images yet' : imageTable(images, style)
  if (shown.length === 0) return section('Images', made, style)
  return `${section('Images', made, style)}\n\n${section('Builds', buildTable(shown, style), style)}`
}

function imageTable(images: readonly ShownImage[], style: Style): string {
  return table(
    [
      { head: 'name' },
      { head: 'class' },
      { head: 'arch' },
      { head: 'type' },
      { head: 'groups' },
      { head: 'packages' },
      { head: 'size', right: true },
      { head: 'state' },
      { head: 'key' },
    ],
    images.map(({ name, config, packagesShort, bytes, here, key }) => [
      name,
      config.appliance === '' ? config.class : `${config.class} ${config.appliance}`,
      config.arch,
      config.fileType,
      config.groups.join(' '),
      packagesShort,
      formatBytes(bytes),
      here ? 'ready' : 'missing',
      key.slice(0, KEY_CHARACTERS),
    ]),
    style,
  )
}

function buildTable(builds: readonly ShownBuild[], style: Style): string {
  return table(
    [{ head: 'build', right: true }, { head: 'name' }, { head: 'state' }, { head: 'what' }, { head: 'for' }],
    builds.map(({ id, name, shownState, progressText, error, by }) => [
      String(id),
      name,
      shownState,
      error === undefined ? progressText : `${error.code}: ${error.message}`.slice(0, 100),
      by.who,
    ]),
    style,
  )
}

function staged({ images, failed, cache }: StagesReport, style: Style): string {
  const kept = cache.length === 0 ? [] : [section('Kept for later images', cacheTable(cache, style), style)]
  if (images.length + failed.length + kept.length === 0) return '  no images yet'
  const reports = [...images, ...failed].map(({ name, key, stages }) => {
    const rows = stages.map(({ stage, hit, seconds, reason }) => [
      stage,
      hit ? 'hit' : 'miss',
      formatSeconds(seconds),
      reason,
    ])
    const columns = [{ head: 'stage' }, { head: 'cache' }, { head: 'time', right: true }, { head: 'why' }]
    const body = rows.length === 0 ? '  no stages' : table(columns, rows, style)
    return section(`${name} ${key.slice(0, KEY_CHARACTERS)}`, body, style)
  })
  return [...reports, ...kept].join('\n\n')
}

function cacheTable(cache: readonly StageInfo[], style: Style): string {
  return table(
    [
      { head: 'stage' },
      { head: 'class' },
      { head: 'arch' },
      { head: 'packages', right: true },
      { head: 'size', right: true },
      { head: 'made in', right: true },
      { head: 'last used' },
      { head: 'key' },
      { head: 'on' },
    ],
    cache.map((stage) => [
      stage.stage,
      stage.class,
      stage.arch,
      String(stage.packages),
      formatBytes(stage.bytes),
      formatSeconds(stage.seconds),
      new Date(stage.usedAt).toISOString().slice(0, 16).replace('T', ' '),
      stage.key.slice(0, KEY_CHARACTERS),
      stage.parent.slice(0, KEY_CHARACTERS),
    ]),
    style,
  )
}
