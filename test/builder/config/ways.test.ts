/** All ways of asking for an image lead to one value and one key. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { canonicalBytes, configKey, meshName } from '../../../builder/config/canonical.ts'
import { parseCreate, toQuery } from '../../../builder/config/create.ts'
import type { ImageConfig } from '../../../builder/config/image-config.ts'
import { parseJson, toRaw } from '../../../builder/config/json.ts'
import { normalise, restore } from '../../../builder/config/normalise.ts'
import { parseXml, toXml } from '../../../builder/config/xml.ts'
import { isName } from '../../../protocols/records/name.ts'
import { CATALOG, FULL, KEY, plain, randomRaw, shuffled } from '../../support/configs.ts'
import { withSeeds } from '../../support/seeds.ts'

const XML = `<?xml version="1.0" encoding="UTF-8"?>
<!-- A web server. -->
<image>
  <name>web-1</name><class> deb </class> <arch>x86_64</arch>
  <filetype>.img</filetype>
  <appliance>web</appliance>
  <package>g++</package>
  <group>core</group> <group>base</group> <group>core</group>
  <package>vim</package> <package>libc6</package>
  <size>4G</size> <boot>direct</boot>
  <file mode="755" path="/usr/local/bin/a" encoding="base64"> AP8N
    Cg== </file>
  <file path="/etc/motd">Gr&#xfc;&#223;e&#10;</file>
  <script><![CDATA[#!/bin/sh
echo "a & b" > /etc/<x>]]></script>
  <repository suite="stable">
    <uri>https://DEB.example/debian</uri> <component>main</component> <component>contrib</component>
    <key>${KEY}</key>
  </repository>
</image>`

const QUERY = [
  'name=web-1&class=deb&arch=x86_64&filetype=.img&appliance=web&group=base&group=core&package=vim&package=g%2B%2B+libc6',
  'size=4GiB&boot=direct&download=on&filepath=%2Fetc%2Fmotd&filepath=/usr/local/bin/a&filemode=&filemode=0755',
  `filecontent=${encodeURIComponent('Grüße\r\n')}&filecontent=AP8NCg==&fileencoding=text&fileencoding=base64`,
  `script=${encodeURIComponent('#!/bin/sh\r\necho "a & b" > /etc/<x>\r\n')}`,
  `repouri=https://deb.example/debian&reposuite=stable&repocomponents=main,contrib&repokey=${encodeURIComponent(KEY)}`,
].join('&')

test('equal requests by XML, URL, form, JSON and raw values are deeply equal and have one key', () => {
  const form = QUERY.replaceAll('%0A', '%0D%0A').replaceAll('%0D%0D', '%0D')
  const ways: Record<string, ImageConfig> = {
    raw: normalise(FULL, CATALOG),
    json: normalise(parseJson(JSON.stringify({ ...FULL, imageBytes: '4G' })), CATALOG),
    xml: normalise(parseXml(Buffer.from(XML)), CATALOG),
    url: parseCreate(QUERY, CATALOG).config,
    form: parseCreate(Buffer.from(form), CATALOG).config,
  }
  for (const [way, config] of Object.entries(ways)) {
    assert.equal(plain(config), plain(ways.raw!), way)
    assert.is(configKey(config), configKey(ways.raw!), way)
  }
  assert.equal(ways.raw!.groups, ['base', 'core'])
  assert.equal(ways.raw!.packages, ['g++', 'libc6', 'vim'])
  assert.equal(ways.raw!.repositories[0]?.components, ['main', 'contrib'], 'components keep their order')
})

test('the URL of the slides, but for its class', () => {
  const url = 'name=&download=on&class=deb&arch=i386&filetype=.tar&group=core&group=base&package=glite-bdii'
  const { config, download, synchronous } = parseCreate(url, CATALOG)
  assert.is(download, true)
  assert.is(synchronous, false)
  const expected = { class: 'deb', arch: 'i386', groups: ['base', 'core'], packages: ['glite-bdii'] }
  assert.equal(config, normalise(expected, CATALOG))
  assert.is(config.fileType, '.tar')
})

test('what is left out has its value', () => {
  const least = normalise({ class: 'deb' }, CATALOG)
  const nothing = { appliance: '', groups: [], packages: [], files: [], script: '', repositories: [] }
  const expected: ImageConfig = {
    name: '',
    class: 'deb',
    arch: 'amd64',
    fileType: '.tar',
    imageBytes: 0,
    boot: 'none',
    ...nothing,
  } as ImageConfig
  assert.equal(least, expected)
  for (const fileType of ['.img', '.qcow2']) {
    assert.is(normalise({ class: 'deb', fileType }, CATALOG).imageBytes, 2 * 1024 ** 3)
  }
  assert.is(normalise({ appliance: 'any' }, CATALOG).class, 'red', "an appliance's first class")
  const empty = { name: '', arch: '', fileType: null, imageBytes: undefined, groups: '', files: [], script: ' \r\n' }
  assert.equal(normalise({ class: 'deb', ...empty }, CATALOG), expected)
})

test('order, duplicates and ways of writing do not change the key', () => {
  withSeeds(200, (random) => {
    const raw = randomRaw(random) as Record<string, unknown[]>
    const mixed: Record<string, unknown> = { ...raw }
    for (const field of ['groups', 'packages', 'files', 'repositories']) {
      mixed[field] = shuffled(random, [...raw[field]!, ...raw[field]!.slice(0, 2)])
    }
    const reordered = Object.fromEntries(shuffled(random, Object.entries(mixed)))
    const config = normalise(raw, CATALOG)
    assert.equal(plain(normalise(reordered, CATALOG)), plain(config))
    assert.is(configKey(normalise(reordered, CATALOG)), configKey(config))
  })
})

test('every field changes the key', () => {
  const config = normalise(FULL, CATALOG)
  const [file, other] = config.files as [ImageConfig['files'][0], ImageConfig['files'][0]]
  const [repository] = config.repositories as [ImageConfig['repositories'][0]]
  const changes: Partial<ImageConfig>[] = [
    { name: '' },
    { class: 'red' },
    { arch: 'i386' },
    { fileType: '.qcow2' },
    { appliance: '' },
    { groups: ['base'] },
    { packages: [...config.packages, 'zsh'] },
    { groups: [], packages: [...config.groups, ...config.packages] },
    { imageBytes: config.imageBytes + 1024 ** 2 },
    { boot: 'uefi' },
    { files: [] },
    { files: [{ ...file, path: '/etc/motd2' }, other] },
    { files: [{ ...file, mode: 0o600 }, other] },
    { files: [{ ...file, content: new Uint8Array(1) }, other] },
    { script: '' },
    { script: `${config.script}#` },
    { repositories: [] },
    { repositories: [{ ...repository, uri: 'https://deb.example/' }] },
    { repositories: [{ ...repository, suite: 'testing' }] },
    { repositories: [{ ...repository, components: ['contrib', 'main'] }] },
    { repositories: [{ ...repository, key: `${KEY} ` }] },
  ]
  const changed = new Set(changes.flatMap((change) => Object.keys(change)))
  assert.equal([...changed].sort(), Object.keys(config).sort(), 'each field is there')
  const keys = new Set([config, ...changes.map((change) => ({ ...config, ...change }))].map((one) => configKey(one)))
  assert.is(keys.size, changes.length + 1)
})

test('the bytes and the key of one configuration stay what they are', () => {
  const config = restore({ ...FULL, files: FULL.files.slice(0, 1), repositories: [] })
  assert.is(configKey(config), 'bb23eebe70120505c7dd3c28643188a7e4dc82387dabf022eeeff09253e95939')
  const least = canonicalBytes(restore({ class: 'deb', arch: 'amd64' }))
  assert.is(Buffer.from(least.subarray(0, 16)).toString(), 'hotblock-config:')
  assert.is(
    Buffer.from(least.subarray(16)).toString('hex'),
    [
      'ad617601646172636865616d64363464626f6f74646e6f6e65646e616d656065636c617373636465',
      '626566696c6573806667726f7570738066736372697074606866696c6554797065642e7461726870',
      '61636b6167657380696170706c69616e6365606a696d6167654279746573006c7265706f7369746f',
      '7269657380',
    ].join(''),
  )
})

test('XML, JSON and URL: what is written is read back', () => {
  withSeeds(400, (random) => {
    const config = normalise(randomRaw(random), CATALOG)
    assert.equal(plain(restore(parseXml(toXml(config)))), plain(config), 'XML')
    assert.equal(
      plain(normalise(parseXml(Buffer.from(toXml(config))), CATALOG)),
      plain(config),
      'XML, with a catalogue',
    )
    assert.equal(plain(restore(parseJson(JSON.stringify(toRaw(config))))), plain(config), 'JSON')
    const download = random() < 0.5
    const created = parseCreate(toQuery(config, { download, synchronous: !download }), CATALOG)
    assert.equal(plain(created.config), plain(config), 'URL')
    assert.is(created.download, download)
    assert.is(created.synchronous, !download)
  })
})

test('an image without a name gets one from class, architecture, appliance and key', () => {
  const config = normalise({ class: 'deb' }, CATALOG)
  assert.is(meshName(config), `deb-amd64-${configKey(config).slice(0, 8)}`)
  assert.match(meshName({ ...config, appliance: 'web' }), /^deb-amd64-web-[0-9a-f]{8}$/)
  assert.is(meshName({ ...config, name: 'mine' }), 'mine')
  const long = 'x'.repeat(48)
  assert.ok(
    isName(meshName({ ...config, class: long, appliance: long, arch: 'y'.repeat(16) })),
    'the longest is a name',
  )
})

test.run()
