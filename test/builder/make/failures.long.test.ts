/** What goes wrong in a request: each has its code, says what it was, and leaves nothing behind. */
import { mkdirSync, readdirSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { requireFile } from '../../../builder/make/tools.ts'
import { catalogOf, configOf, TINY } from '../../support/catalog.ts'
import { makeDebRepository } from '../../support/deb-repository.ts'
import { rejectsCode } from '../../support/failures.ts'
import { type Making, maker } from '../../support/making.ts'
import { withDirectory } from '../../support/temporary.ts'
import { testBuild, tool } from '../../support/tools.ts'

const config = configOf({ class: 'tiny' })

/** Nothing half-made is left where stages are, nothing is mounted. */
function assertClean({ directory }: Making): void {
  const stages = readdirSync(join(directory, 'stages'))
  assert.equal(
    stages.filter((name) => name.startsWith('draft')),
    [],
  )
  assert.equal(
    readdirSync(join(directory, 'scratch')).filter((name) => name.startsWith('build')),
    [],
  )
  assert.not.ok(tool('findmnt', ['-rn', '-o', 'TARGET']).includes(directory))
}

testBuild('packages that are not there, scripts that fail, repositories that are not to be trusted', async () => {
  await withDirectory(async (top) => {
    const one = maker(top, catalogOf(TINY))

    const missing = one.build({ ...config, packages: ['bc', 'no-such-thing', 'nor-this'] })
    assert.is((await rejectsCode('NO_SUCH_PACKAGE', missing)).message, 'no such packages: no-such-thing, nor-this')
    for (const name of [
      'bash-',
      'bc+',
      'lib.*',
      '-y',
      '../bc',
      'bc=1.0',
      'bc/sid',
      '?essential',
      'BC',
      'mail-transport-agent',
    ]) {
      const failure = await rejectsCode('NO_SUCH_PACKAGE', one.build({ ...config, packages: [name] }))
      assert.ok(failure.message.includes(name))
    }
    const conflict = await rejectsCode(
      'NO_SUCH_PACKAGE',
      one.build({ ...config, packages: ['exim4-daemon-light', 'postfix'] }),
    )
    assert.match(conflict.message, /^these packages cannot be installed together: .*(exim4|postfix)/)

    const script = 'echo working; echo trouble >&2; exit 7'
    const failed = await rejectsCode('SCRIPT_FAILED', one.build({ ...config, script }))
    assert.is(failed.message, 'the script ended with status 7: trouble')
    assert.is(failed.data.status, 7)
    assert.ok(one.lines.includes('working'))
    assertClean(one)

    const tame = `
      test "$(id -u)" = 0
      test "$(ls /sys/class/net 2>/dev/null | wc -l)" = 0
      ! mount -t tmpfs tmpfs /mnt
      ! mknod /tmp/disk b 254 0
      ! chroot / true
      test "$(ls -d /proc/[0-9]* | wc -l)" -lt 20
      ! test -e ${top}
      test "$(umask)" = 0022
      test "$HOME $LC_ALL $TZ" = "/root C.UTF-8 UTC"
      (setsid sleep 1000 &)
    `
    await one.build({ ...config, script: `set -ex\n${tame}` })
    assert.is(
      tool('ps', ['-eo', 'args'])
        .split('\n')
        .filter((line) => line === 'sleep 1000').length,
      0,
    )

    const { repository } = makeDebRepository(join(top, 'repository'), [
      { name: 'site-tool', version: '1.5', depends: 'bc', files: { '/usr/bin/site-tool': 'x' } },
    ])
    const good = await one.build({ ...config, packages: ['site-tool'], repositories: [repository] })
    assert.equal(
      good.packages.filter(({ name }) => name === 'site-tool').map(({ version, arch }) => [version, arch]),
      [['1.5', 'all']],
    )
    assert.match(
      tool('tar', ['-xOf', good.file, './etc/apt/sources.list.d/hotblock.list']),
      /^deb \[signed-by=\/etc\/apt\/keyrings\//,
    )
    const other = makeDebRepository(join(top, 'other'), [{ name: 'site-tool', version: '2' }])
    const forged = { ...repository, key: other.key }
    const untrusted = one.build({ ...config, packages: ['site-tool'], repositories: [forged] })
    assert.match((await rejectsCode('MIRROR_FAILED', untrusted)).message, /not signed|NO_PUBKEY/)
    assertClean(one)

    const stop = new AbortController()
    const slow = one.build({ ...config, script: 'setsid sleep 2000 & sleep 2000' }, stop.signal)
    while (!tool('ps', ['-eo', 'args']).includes('sleep 2000')) await new Promise((resolve) => setTimeout(resolve, 50))
    stop.abort()
    await rejectsCode('CANCELLED', slow)
    assert.not.ok(tool('ps', ['-eo', 'args']).includes('sleep 2000'))
    assertClean(one)

    const quick = maker(top, catalogOf(TINY), { directory: one.directory, limits: { scriptSeconds: 1 } })
    const late = await rejectsCode('SCRIPT_FAILED', quick.build({ ...config, script: 'sleep 100' }))
    assert.is(late.message, 'the script did not end within 1 s')
    for (const unknown of [{ class: 'none' }, { arch: 'mips' }, { groups: ['none'] }, { appliance: 'none' }]) {
      await rejectsCode('BAD_CONFIG', one.build({ ...config, ...unknown }))
    }
  })
})

testBuild('a mirror that is not there, and one that never answers, fail in bounded time', async () => {
  await withDirectory(async (top) => {
    const silent = createServer(() => {})
    const closed = createServer()
    for (const server of [silent, closed]) await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const ports = [silent, closed].map((server) => (server.address() as { port: number }).port)
    await new Promise((resolve) => closed.close(resolve))
    try {
      for (const port of ports) {
        const limits = { silenceSeconds: 1, updateSeconds: 20 }
        const debian = { mirror: `http://127.0.0.1:${port}/debian` }
        const one = maker(top, catalogOf(TINY), { limits, debian })
        const startedAt = performance.now()
        const failure = await rejectsCode('MIRROR_FAILED', one.build(config))
        assert.ok(performance.now() - startedAt < 30_000)
        assert.match(failure.message, /a mirror failed: .*127\.0\.0\.1|gave no indexes/)
      }
    } finally {
      silent.close()
    }
  })
})

testBuild('a full disk is said to be full', async () => {
  await withDirectory(async (top) => {
    const disk = join(top, 'disk')
    mkdirSync(disk)
    tool('mount', ['-t', 'tmpfs', '-o', 'size=150m', 'tmpfs', disk])
    try {
      const one = maker(top, catalogOf(TINY), { directory: join(disk, 'maker') })
      await rejectsCode('NO_SPACE', one.build(config))
      assertClean(one)
    } finally {
      tool('umount', [disk])
    }
  })
})

testBuild('what is missing on the machine is named with its package', async () => {
  const failure = await rejectsCode('TOOL_MISSING', requireFile('/usr/share/no/firmware.fd', 'ovmf'))
  assert.is(failure.message, 'this machine has no /usr/share/no/firmware.fd: install ovmf')
})

test.run()
