/** An RPM class from a small repository that is made on the spot. */
import { mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { ImageClass } from '../../../builder/catalog/catalog.ts'
import { catalogOf, configOf } from '../../support/catalog.ts'
import { rejectsCode } from '../../support/failures.ts'
import { sha256Of } from '../../support/hashes.ts'
import { maker } from '../../support/making.ts'
import { FILESYSTEM, makeRpmRepository, type RpmSpec } from '../../support/rpm-repository.ts'
import { withDirectory } from '../../support/temporary.ts'
import { testBuild, tool } from '../../support/tools.ts'

const SPECS: readonly RpmSpec[] = [
  FILESYSTEM,
  { name: 'library', version: '1.2', files: { '/usr/lib/library': 'lib\n' } },
  { name: 'program', version: '2.0', requires: ['library'], files: { '/usr/bin/program': '#!/bin/sh\n' } },
  { name: 'lonely', version: '1', requires: ['nowhere'], files: { '/usr/lib/lonely': 'x' } },
]

function classOf(uri: string, key: string): ImageClass {
  return {
    name: 'small',
    title: 'A small RPM distribution',
    family: 'rpm',
    release: '9',
    architectures: ['amd64'],
    mirror: '',
    snapshot: '',
    components: [],
    repositories: [{ id: 'small', uri, key }],
    packages: ['filesystem'],
    bootPackages: [],
    kernels: {},
  }
}

testBuild('an RPM image: what it needs, resolved, signed, installed; the same bytes from nothing', async () => {
  await withDirectory(async (top) => {
    const { uri, key } = makeRpmRepository(join(top, 'site'), SPECS)
    const catalog = catalogOf(classOf(uri, key))
    const [one, two] = [maker(top, catalog), maker(top, catalog)]
    const config = configOf({ class: 'small', packages: ['program'] })
    const image = await one.build(config)
    assert.equal(
      image.packages.map(({ name, version, arch, family }) => [name, version, arch, family]),
      [
        ['filesystem', '3-1', 'noarch', 'rpm'],
        ['library', '1.2-1', 'noarch', 'rpm'],
        ['program', '2.0-1', 'noarch', 'rpm'],
      ],
    )
    assert.ok(image.packages.every(({ sha256 }) => /^[0-9a-f]{64}$/.test(sha256)))
    assert.equal(
      image.stages.map(({ stage, hit }) => [stage, hit]),
      [
        ['base', false],
        ['packages', false],
      ],
    )
    const names = tool('tar', ['-tf', image.file])
    for (const name of ['./usr/bin/program', './usr/lib/library', './etc/os-release', './var/lib/rpm/rpmdb.sqlite']) {
      assert.ok(names.split('\n').includes(name), name)
    }
    mkdirSync(join(top, 'tree'))
    tool('tar', ['-xf', image.file, '-C', join(top, 'tree')])
    const query = ['-qa', '--dbpath', join(top, 'tree/var/lib/rpm'), '--qf', '%{NAME} ']
    assert.equal(tool('rpm', query).trim().split(' ').sort(), ['filesystem', 'library', 'program'])
    assert.match(readFileSync(join(top, 'tree/etc/yum.repos.d/hotblock-small.repo'), 'utf8'), /gpgcheck=1/)

    assert.ok((await one.build(config)).stages.every(({ hit }) => hit))
    const again = await two.build(config)
    assert.is(sha256Of(again.file), sha256Of(image.file))
  })
})

testBuild('a package that no repository has, and one whose needs none has', async () => {
  await withDirectory(async (top) => {
    const { uri, key } = makeRpmRepository(join(top, 'site'), SPECS)
    const one = maker(top, catalogOf(classOf(uri, key)))
    const missing = await rejectsCode('NO_SUCH_PACKAGE', one.build(configOf({ class: 'small', packages: ['nosuch'] })))
    assert.is(missing.message, 'no such package: nosuch')
    const lonely = await rejectsCode('NO_SUCH_PACKAGE', one.build(configOf({ class: 'small', packages: ['lonely'] })))
    assert.match(lonely.message, /nothing provides nowhere/)
    for (const name of ['/etc/passwd', 'program*', '-x', '@group', 'https://example.org/x.rpm']) {
      await rejectsCode('NO_SUCH_PACKAGE', one.build(configOf({ class: 'small', packages: [name] })))
    }
  })
})

testBuild(
  'packages that are not signed by the repository’s key are not installed; a repository that is not there',
  async () => {
    await withDirectory(async (top) => {
      const unsigned = makeRpmRepository(join(top, 'unsigned'), SPECS, false)
      const other = makeRpmRepository(join(top, 'other'), SPECS)
      for (const [uri, key] of [
        [unsigned.uri, unsigned.key],
        [other.uri, unsigned.key],
      ] as const) {
        const one = maker(top, catalogOf(classOf(uri, key)))
        const failure = await rejectsCode('MIRROR_FAILED', one.build(configOf({ class: 'small' })))
        assert.match(failure.message, /not signed by its repository's key/)
      }
      const gone = maker(top, catalogOf(classOf(`file://${top}/nowhere`, unsigned.key)))
      await rejectsCode('MIRROR_FAILED', gone.build(configOf({ class: 'small' })))
    })
  },
)

test.run()
