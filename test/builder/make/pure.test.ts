/** The maker's parts that only compute. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { aptConf } from '../../../builder/make/apt-root.ts'
import { checkSource, classSources, DEBIAN_DEFAULTS, sourceLines } from '../../../builder/make/apt-sources.ts'
import type { ResolvedStage } from '../../../builder/make/family.ts'
import type { PackageVersion } from '../../../builder/make/maker.ts'
import * as index from '../../../builder/make/packages-index.ts'
import { planImage } from '../../../builder/make/plan.ts'
import { lastWords, lineSplitter } from '../../../builder/make/run.ts'
import { finalPackages } from '../../../builder/make/stages.ts'
import { cycloneDx, packageUrl } from '../../../builder/repository/sbom.ts'
import { BOOKWORM, catalogOf, configOf, TINY } from '../../support/catalog.ts'
import { rejectsCode, throwsCode } from '../../support/failures.ts'

const catalog = catalogOf(TINY, BOOKWORM)
const SUM = 'ab'.repeat(32)
const STANZA = `Package: libc6
Version: 1:2.36-9+deb12u14
Architecture: amd64
Description: C library
 more
Filename: pool/main/g/glibc/libc6.deb
SHA256: ${SUM}`

test('a plan: stages in order, without those that install nothing; the appliance before the request', () => {
  const names = (config: Parameters<typeof configOf>[0]) => {
    return planImage(configOf(config), catalog).stages.map(({ stage, names }) => [stage, ...names])
  }
  assert.equal(names({ class: 'tiny' }), [['base']])
  assert.equal(names({ class: 'tiny', groups: ['tools'], packages: ['vim', 'a'] }), [
    ['base'],
    ['groups', 'bc', 'less'],
    ['packages', 'a', 'vim'],
  ])
  const boot = names({ class: 'tiny', boot: 'direct', arch: 'i386' })[1] ?? []
  assert.is(boot[0], 'boot')
  assert.ok(boot.includes('linux-image-686'))
  const script = 'true'
  const plan = planImage(configOf({ class: 'tiny', appliance: 'greeter', script }), catalog)
  assert.equal(
    plan.stages.map(({ stage }) => stage),
    ['base', 'groups'],
  )
  assert.equal(
    plan.additions.map(({ from, script }) => [from, script]),
    [
      ['appliance', 'echo appliance >> /etc/order'],
      ['request', 'true'],
    ],
  )
  throwsCode('BAD_CONFIG', () => names({ class: 'tiny', boot: 'direct', arch: 'mips' }))
})

test('entries of a Packages file', () => {
  assert.equal(index.packageOf(STANZA), {
    name: 'libc6',
    version: '1:2.36-9+deb12u14',
    arch: 'amd64',
    sha256: SUM,
    family: 'debian',
  })
  assert.is(index.debName(index.packageOf(STANZA)), 'libc6_1%3a2.36-9+deb12u14_amd64.deb')
  assert.match(index.flatStanza(STANZA), /^Filename: \.\/libc6_1%3a2\.36-9\+deb12u14_amd64\.deb$/m)
  assert.is(index.flatStanza(STANZA).match(/^Filename:/gm)?.length, 1)
  assert.match(index.installedStanza(STANZA), /^Package: libc6\nStatus: install ok installed\n/)
  assert.equal(index.splitStanzas(`\n${STANZA}\n\n\n${STANZA}\n`).length, 2)
  for (const [from, to] of [
    ['Package: libc6', 'Package: ../libc6'],
    ['1:2.36-9+deb12u14', '1/../../x'],
    [SUM, 'none'],
  ] as const) {
    throwsCode('MIRROR_FAILED', () => index.packageOf(STANZA.replace(from, to)))
  }
})

test('sources: updates and security beside the release; snapshots; nothing that could be more than a line', async () => {
  const settings = { ...DEBIAN_DEFAULTS, mirror: 'http://mirror.example/debian' }
  assert.is(
    sourceLines(await classSources(BOOKWORM, settings), '/k.gpg'),
    [
      'deb [signed-by=/k.gpg] http://mirror.example/debian bookworm main\n',
      'deb [signed-by=/k.gpg] http://mirror.example/debian bookworm-updates main\n',
      'deb [signed-by=/k.gpg] http://mirror.example/debian-security bookworm-security main\n',
    ].join(''),
  )
  const snapshot = await classSources({ ...BOOKWORM, snapshot: '20250101T000000Z' }, settings)
  assert.equal(
    snapshot.map(({ uri }) => uri),
    [
      'https://snapshot.debian.org/archive/debian/20250101T000000Z',
      'https://snapshot.debian.org/archive/debian/20250101T000000Z',
      'https://snapshot.debian.org/archive/debian-security/20250101T000000Z',
    ],
  )
  assert.is((await classSources({ ...BOOKWORM, release: 'sid', mirror: 'http://m/debian' }, settings)).length, 1)
  await rejectsCode('BAD_CONFIG', classSources({ ...BOOKWORM, mirror: 'http://m/debian x\ndeb evil' }, settings))
  const good = { uri: 'http://m/debian', suite: 'stable', components: ['main'] }
  checkSource({ ...good, suite: './', components: [] })
  for (const bad of [
    { uri: 'ftp://m' },
    { uri: 'http://m/"' },
    { suite: 'a b' },
    { suite: '-o' },
    { components: ['[x]'] },
  ]) {
    throwsCode('BAD_CONFIG', () => checkSource({ ...good, ...bad }))
  }
  throwsCode('BAD_CONFIG', () => aptConf({ 'Dir::State': 'x"; evil "' }))
  assert.is(aptConf({ A: 'x', B: ['y', 'z'] }), 'A "x";\nB { "y"; "z"; };\n')
})

test('what is installed in the end: later stages replace and remove', () => {
  const pack = (name: string, version: string, arch = 'amd64'): PackageVersion => {
    return { name, version, arch, sha256: SUM, family: 'debian' }
  }
  const stage = (packages: PackageVersion[], removed: string[] = []): ResolvedStage => {
    return { stage: 'base', names: [], repositories: [], packages, removed, details: [] }
  }
  const all = finalPackages([
    stage([pack('b', '1'), pack('a', '1'), pack('c', '1', 'all'), pack('d', '1')]),
    stage([pack('b', '2'), pack('c', '2')], ['d']),
  ])
  assert.equal(
    all.map(({ name, version, arch }) => `${name} ${version} ${arch}`),
    ['a 1 amd64', 'b 2 amd64', 'c 2 amd64'],
  )
})

test('CycloneDX: the same text for the same packages in any order; package URLs', () => {
  const packages: PackageVersion[] = [
    { name: 'g++', version: '4:12.2.0-3', arch: 'amd64', sha256: SUM, family: 'debian' },
    { name: 'bash', version: '5.2-2+b1', arch: 'amd64', sha256: '', family: 'debian' },
  ]
  const { groups, packages: asked, ...config } = configOf({ class: 'debian12' })
  const summary = { ...config, groups: [...groups], packages: [...asked] }
  const subject = { name: 'image', key: '0f'.repeat(32), sha256: SUM, config: summary }
  const text = cycloneDx(subject, packages)
  assert.is(cycloneDx(subject, packages.toReversed()), text)
  const document = JSON.parse(text)
  assert.is(document.serialNumber, 'urn:uuid:0f0f0f0f-0f0f-8f0f-8f0f-0f0f0f0f0f0f')
  assert.equal(
    document.components.map(({ purl }: { purl: string }) => purl),
    ['pkg:deb/debian/bash@5.2-2%2Bb1?arch=amd64', 'pkg:deb/debian/g%2B%2B@4:12.2.0-3?arch=amd64'],
  )
  assert.equal(document.components[1].hashes, [{ alg: 'SHA-256', content: SUM }])
  assert.is(document.metadata.timestamp, undefined)
  const rpm = { name: 'bash', version: '1:5.2-1.el9', arch: 'x86_64', sha256: '', family: 'rpm' } as const
  assert.is(packageUrl(rpm, 'almalinux9'), 'pkg:rpm/almalinux9/bash@5.2-1.el9?arch=x86_64&epoch=1')
})

test('output becomes lines, whatever the pieces; the last words are the last error', () => {
  const lines: string[] = []
  const splitter = lineSplitter((line) => lines.push(line))
  for (const piece of ['a', 'b\nc\r', '\nd\re\n', 'ü']) splitter.push(Buffer.from(piece))
  const [first, second] = [Buffer.from('ö').subarray(0, 1), Buffer.from('ö').subarray(1)]
  splitter.push(first)
  splitter.push(second)
  splitter.flush()
  assert.equal(
    lines.filter((line) => line !== ''),
    ['ab', 'c', 'd', 'e', 'üö'],
  )
  assert.is(lastWords(['x', 'E: bad', 'more', '']), 'E: bad')
  assert.is(lastWords(['x', 'more', ' ']), 'more')
  assert.is(lastWords([]), '')
})

test.run()
