/** install.sh leaves what is a site's own alone, changes nothing twice, and takes back what it did. */
import { mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { run } from '../../../support/images.ts'
import { ROOT_RIGHTS } from '../../../support/needed.ts'
import { HOOKS, installHooks } from '../../../support/slurm-hooks.ts'
import { withDirectory } from '../../../support/temporary.ts'
import { testWith } from '../../../support/tools.ts'

const CONF = '# a site\nClusterName=one\nSlurmUser=root\n#Prolog=/old\nNodeName=n1\n'

async function withSite(conf: string, use: (etc: string, install: Install) => Promise<void>): Promise<void> {
  await withDirectory(async (directory) => {
    const etc = join(directory, 'etc')
    await mkdir(etc)
    await writeFile(join(etc, 'slurm.conf'), conf, { mode: 0o640 })
    await use(etc, async (...flags) => (await installHooks(etc, { program: '/bin/sh', home: '/x' }, flags)).said)
  })
}
type Install = (...flags: string[]) => Promise<string>

function uninstall(etc: string, ...flags: string[]): Promise<string> {
  return run('sh', [join(HOOKS, 'install.sh'), '--slurm-dir', etc, '--uninstall', ...flags])
}

const read = (etc: string, name = 'slurm.conf'): Promise<string> => readFile(join(etc, name), 'utf8')

testWith(ROOT_RIGHTS)(
  "what the hooks of a SlurmUser write to is that user's, and a program that is missing is said",
  () =>
    withDirectory(async (etc) => {
      await writeFile(join(etc, 'slurm.conf'), CONF.replace('SlurmUser=root', ' slurmuser = nobody # or slurm'))
      await mkdir(join(etc, 'hotblock'))
      const settings = `HOTBLOCK=/nonexistent\nHOTBLOCK_TURNS=${etc}/turns\nHOTBLOCK_LOG=${etc}/log/hooks.log\n`
      await writeFile(join(etc, 'hotblock', 'hotblock.conf'), settings)
      const said = await run('sh', [join(HOOKS, 'install.sh'), '--slurm-dir', etc, '--files-only'])
      assert.match(said, /^not there: \/nonexistent,/m)
      const [nobody, group] = await Promise.all(
        ['-u', '-g'].map(async (flag) => Number(await run('id', [flag, 'nobody']))),
      )
      for (const [name, mode] of [
        ['turns', 0o700],
        ['log', 0o755],
      ] as const) {
        const { uid, gid, mode: bits } = await stat(join(etc, name))
        assert.equal([uid, gid, bits & 0o777], [nobody, group, mode], name)
      }
    }),
)

test('it adds its lines once, in a block, and keeps what was there', () =>
  withSite(CONF, async (etc, install) => {
    const said = await install()
    const conf = await read(etc)
    const block = [
      '# BEGIN hotblock',
      'JobSubmitPlugins=lua',
      `PrologSlurmctld=${etc}/hotblock/prolog-slurmctld.sh`,
      '# END hotblock',
    ]
    assert.is(conf, `${CONF}${block.join('\n')}\n`)
    assert.is((await stat(join(etc, 'slurm.conf'))).mode & 0o777, 0o640)
    assert.is(await read(etc, 'slurm.conf.before-hotblock'), CONF)
    for (const name of await readdir(join(etc, 'hotblock'))) {
      if (name !== 'hotblock.conf') assert.ok(said.includes(join(etc, 'hotblock', name)), name)
    }
    assert.is(await install(), '')
    assert.is(await read(etc), conf)
    assert.match(await install('--with-prolog'), /changed/)
    assert.ok((await read(etc)).includes(`\nProlog=${etc}/hotblock/prolog.sh\n`))
    assert.match(await install(), /changed/)
    assert.is(await read(etc), conf)
  }))

test('an administrator has the last word on the settings', () =>
  withSite(CONF, async (etc, install) => {
    await install()
    await writeFile(join(etc, 'hotblock', 'hotblock.conf'), 'HOTBLOCK=/mine\nHOTBLOCK_TURNS=/tmp\n')
    await run('sh', [join(HOOKS, 'install.sh'), '--slurm-dir', etc])
    assert.is(await read(etc, 'hotblock/hotblock.conf'), 'HOTBLOCK=/mine\nHOTBLOCK_TURNS=/tmp\n')
  }))

test("a site's own Prolog, plugins and job_submit.lua stay, and it is told what to do", () =>
  withSite(`${CONF}prolog = /mine\nPrologSlurmctld=/mine2\nJobSubmitPlugins=lua,logging\n`, async (etc, install) => {
    const own = await read(etc)
    await writeFile(join(etc, 'job_submit.lua'), '-- mine\n')
    const said = await install('--with-prolog')
    assert.is(await read(etc), own)
    assert.is(await read(etc, 'job_submit.lua'), '-- mine\n')
    const lines = said.split('\n').filter((line) => line.startsWith('left alone: '))
    for (const [i, what] of ['job_submit.lua', 'JobSubmitPlugins', 'PrologSlurmctld', 'Prolog '].entries()) {
      assert.ok(lines[i]?.includes(what), `${what}: ${said}`)
    }
  }))

test('a job_submit.lua that is there and not in use is not switched on', () =>
  withSite(CONF, async (etc, install) => {
    await writeFile(join(etc, 'job_submit.lua'), '-- mine, not tried yet\n')
    assert.match(await install(), /left alone: \S+job_submit.lua/)
    assert.not.match(await read(etc), /JobSubmitPlugins/)
  }))

test('uninstalling is in two steps, so that no node looks for a Prolog that has gone', () =>
  withSite(CONF, async (etc, install) => {
    await install('--with-prolog')
    await uninstall(etc, '--files-only').then(
      () => assert.unreachable(),
      (error) => assert.match(error.message, /still names the files/),
    )
    assert.ok(await stat(join(etc, 'hotblock', 'prolog.sh')))
    await uninstall(etc)
    assert.is(await read(etc), CONF)
    assert.ok(await stat(join(etc, 'hotblock', 'prolog.sh')))
    await uninstall(etc, '--files-only')
    const left = (await readdir(etc)).filter((name) => !['off', 'turns', 'hooks.log'].includes(name))
    assert.equal(left.sort(), ['slurm.conf', 'slurm.conf.before-hotblock'])
    assert.is(await uninstall(etc, '--files-only'), '')
  }))

test('what it is told wrongly it refuses', () =>
  withSite(CONF, async (etc) => {
    for (const flags of [['--home', 'relative'], ['--what'], ['--slurm-dir', '/a b'], ['--hotblock']]) {
      await run('sh', [join(HOOKS, 'install.sh'), '--slurm-dir', etc, ...flags]).then(
        () => assert.unreachable(flags.join(' ')),
        (error) => assert.match(error.message, /status [12]/),
      )
    }
    assert.is(await read(etc), CONF)
  }))

test.run()
