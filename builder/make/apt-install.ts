import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Variant } from '../catalog/catalog.ts'
import { aptConf, isolated } from './apt-root.ts'
import { RUN_DIRECTORY, runTame, withMounts } from './chroot.ts'
import type { InstallJob } from './family.ts'
import { toolFailed } from './run.ts'

/** dpkg need not wait for the disk: a stage that a crash interrupts is made anew. */
const DPKG_OPTIONS = ['--force-unsafe-io', '--force-confdef', '--force-confold']

/** Makes a tree of nothing but a repository's packages. @param repository directory that makeRepository wrote */
export async function bootstrap(
  job: InstallJob,
  repository: string,
  variant: Variant,
  names: readonly string[],
  epoch: number,
): Promise<void> {
  const { space, tree, arch, log } = job
  const include = names.length === 0 ? [] : [`--include=${names.join(',')}`]
  const source = `deb [trusted=yes] copy:${encodeURI(repository)} ./`
  const args = [
    '--mode=root',
    '--format=directory',
    `--architectures=${arch}`,
    `--variant=${variant}`,
    ...include,
    ...DPKG_OPTIONS.map((option) => `--dpkgopt=${option.slice(2)}`),
    // What it leaves behind is normalised with the tree; a suite it needs none, as there is one repository.
    '',
    tree,
    source,
  ]
  const env = { SOURCE_DATE_EPOCH: String(epoch), TMPDIR: job.scratch }
  const ran = await space.run('mmdebstrap', args, { log, env })
  if (ran.status !== 0) throw toolFailed('mmdebstrap', ran)
}

/** Installs packages of a repository into a tree with this machine's apt and the tree's own dpkg. */
export async function installInto(
  job: InstallJob,
  repository: string,
  names: readonly string[],
  epoch: number,
): Promise<void> {
  const { space, tree, arch, log, scratch } = job
  await withMounts(space, tree, async () => {
    const inside = join(tree, RUN_DIRECTORY, 'packages')
    await mkdir(space.outside(inside))
    await space.ok('mount', ['--bind', '-o', 'ro', repository, inside], { network: true })
    for (const part of ['state/lists/partial', 'cache/archives/partial', 'empty']) {
      await mkdir(join(scratch, part), { recursive: true })
    }
    await writeFile(join(scratch, 'sources.list'), `deb [trusted=yes] file:${encodeURI(inside)} ./\n`)
    await writeFile(
      join(scratch, 'apt.conf'),
      aptConf({
        ...isolated(arch, join(scratch, 'empty')),
        'Dir::Etc::sourcelist': join(scratch, 'sources.list'),
        'Dir::State': join(scratch, 'state'),
        'Dir::State::status': join(tree, 'var/lib/dpkg/status'),
        'Dir::State::extended_states': join(tree, 'var/lib/apt/extended_states'),
        'Dir::Cache': join(scratch, 'cache'),
        'DPkg::Chroot-Directory': tree,
        'DPkg::Options': DPKG_OPTIONS,
        'DPkg::Use-Pty': 'false',
        'APT::Get::AutomaticRemove': 'false',
      }),
    )
    await mkdir(space.outside(join(tree, 'var/lib/apt')), { recursive: true })
    const env = { APT_CONFIG: join(scratch, 'apt.conf'), SOURCE_DATE_EPOCH: String(epoch) }
    for (const args of [
      ['update', '-q'],
      ['install', '-q', '--', ...names],
    ]) {
      const ran = await runTame(space, 'apt-get', args, { log, env })
      if (ran.status !== 0) throw toolFailed('apt-get', ran)
    }
  })
}
