/** Values that are wrong, and where that is said. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { createOf, parseCreate, parseParameters } from '../../../builder/config/create.ts'
import { parseJson, toRaw } from '../../../builder/config/json.ts'
import * as limits from '../../../builder/config/limits.ts'
import { type NormaliseOptions, normalise, restore } from '../../../builder/config/normalise.ts'
import { PARAMETERS, parameterOf } from '../../../builder/config/parameters.ts'
import { requestJsonSchema } from '../../../builder/config/raw.ts'
import { CATALOG, FULL, KEY, plain, refusals } from '../../support/configs.ts'

const REPOSITORY = { uri: 'https://a.example/', suite: 'stable', components: ['main'], key: KEY }
const HOSTILE = [
  '../x',
  '/etc/passwd',
  'a/b',
  'a b\nc',
  'a;reboot',
  '$(reboot)',
  '`reboot`',
  'a|b',
  'a\0',
  '-x',
  '.',
  'ä',
]

/** Asserts that the request with these fields is refused, and that it is said where it belongs. */
function refused(fields: object, field: string, expected: RegExp, options: NormaliseOptions = {}): void {
  const lines = refusals(() => normalise({ class: 'deb', ...fields }, CATALOG, options))
  assert.is(lines.length, 1, lines.join('\n'))
  assert.ok(lines[0]!.startsWith(`${field}: `), lines[0])
  assert.match(lines[0]!, expected)
  // biome-ignore lint/suspicious/noControlCharactersInRegex: that there are none is what is tested
  assert.not.match(lines[0]!, /[\x00-\x1f]/)
}

test('names with paths, line ends, shell characters and the like', () => {
  for (const name of HOSTILE) {
    refused({ name }, 'name', /is not a name of an image/)
    refused({ class: name }, 'class', /is not a name/)
    refused({ appliance: name }, 'appliance', /is not a name/)
    refused({ groups: [name] }, 'groups[0]', /is not a name/)
    refused({ packages: ['ok', name] }, 'packages[1]', /is not a name of a package/)
    refused({ arch: name }, 'arch', /is not an architecture|has no architecture/)
    refused({ fileType: name }, 'fileType', /there is no file type .*; there are \.tar, \.tar\.gz, \.img, \.qcow2/)
    refused({ boot: name, fileType: '.img' }, 'boot', /there is no way to boot .*; there are none, direct, uefi/)
    refused({ imageBytes: name, fileType: '.img' }, 'imageBytes', /is no size/)
  }
  refused({ name: 'x'.repeat(129) }, 'name', /longer than 128/)
})

test('what is not in the catalogue: what exists is said', () => {
  refused({ class: 'SLC4' }, 'class', /there is no class "SLC4"; there are deb, red/)
  refused({ class: '' }, 'class', /is missing; there are deb, red/)
  refused({ class: 'constructor' }, 'class', /there is no class/)
  refused({ groups: ['core', 'nope'] }, 'groups', /there is no group "nope"; there are core, base, apt-only/)
  refused({ class: 'red', groups: ['apt-only'] }, 'groups', /there is no group apt-only for red/)
  refused({ appliance: 'nope' }, 'appliance', /there is no appliance "nope"; there are web, any/)
  refused({ class: 'red', appliance: 'web' }, 'appliance', /web is not made of red; there are deb/)
  refused({ arch: 'sparc' }, 'arch', /deb has no architecture "sparc"; there are amd64, i386, arm64/)
  refused({ class: 'red', arch: 'i686' }, 'arch', /red has no architecture "i386"; there are amd64/)
})

test('packages: what a tool would read as more than a name is none', () => {
  for (const bad of [
    'Vim',
    'vim-',
    '-y',
    '--purge',
    '+x',
    'vim=1',
    'libc6:i386',
    'vim/sid',
    './x.deb',
    '~nvim',
    '?a',
    'v*',
    '^v',
  ]) {
    const lines = refusals(() => normalise({ class: 'deb', packages: [bad] }, CATALOG))
    assert.match(lines.join(), /is not a name of a (Debian )?package/, bad)
  }
  assert.equal(normalise({ class: 'deb', packages: 'g++ libstdc++6,0ad' }, CATALOG).packages, [
    '0ad',
    'g++',
    'libstdc++6',
  ])
  for (const bad of ['@core', 'perl(Foo)', '/bin/sh', 'x*', 'a[b]', '-x', 'x-', 'a = 1', 'http://a/x.rpm']) {
    const lines = refusals(() => normalise({ class: 'red', packages: [bad] }, CATALOG))
    assert.match(lines.join(), /is not a name of a package/, bad)
  }
  const red = ['NetworkManager', 'glibc.i686', 'gcc-c++', 'perl_x', 'java-1.8.0-openjdk']
  assert.equal(normalise({ class: 'red', packages: red }, CATALOG).packages, [...red].sort())
})

test('sizes, and what boots', () => {
  const disk = { fileType: '.img' }
  const size = (imageBytes: unknown) => normalise({ class: 'deb', ...disk, imageBytes }, CATALOG).imageBytes
  assert.is(size('16M'), limits.SIZE_BYTES_MIN)
  assert.is(size('1T'), limits.SIZE_BYTES_MAX)
  assert.is(size('2GB'), 1908 * 1024 ** 2, 'whole MiB')
  assert.is(size(limits.SIZE_BYTES_MIN - 1), limits.SIZE_BYTES_MIN)
  refused({ ...disk, imageBytes: '15M' }, 'imageBytes', /at least 16 MiB/)
  refused({ ...disk, imageBytes: 0 }, 'imageBytes', /at least 16 MiB/)
  refused({ ...disk, imageBytes: limits.SIZE_BYTES_MAX + 1 }, 'imageBytes', /larger than 1 TiB/)
  for (const bad of [-1, 1.5, Number.NaN, '1e9', [], {}, true])
    refused({ ...disk, imageBytes: bad }, 'imageBytes', /size|below/)
  refused({ imageBytes: '2G' }, 'imageBytes', /a \.tar has no size/)
  refused({ fileType: '.tar.gz', boot: 'direct' }, 'boot', /a \.tar\.gz cannot boot/)
  refused({ ...disk, arch: 'i386', boot: 'direct' }, 'boot', /deb has no kernel for i386/)
  refused({ ...disk, class: 'red', boot: 'uefi' }, 'boot', /red has no kernel for amd64/)
  const lines = refusals(() => restore({ ...disk, class: 'x', arch: 'i386', boot: 'uefi' }))
  assert.equal(lines, ['boot: uefi boots amd64 and arm64 only'])
})

test('extra files', () => {
  const file = (path: string, content = '') => ({ files: [{ path: '/ok' }, { path, content }] })
  for (const path of [
    '',
    'a',
    '/',
    '//',
    '/a//b',
    '/a/',
    '/a/../b',
    '/..',
    '/./a',
    '/a\0',
    '/a\nb',
    '/a\u0085',
    '/\ud800',
  ]) {
    refused(file(path), 'files[1].path', /begin with|empty part|has a part|control character|Unicode/)
  }
  for (const path of ['/proc/sysrq-trigger', '/dev/sda', '/sys/x', '/run/x', '/dev']) {
    refused(file(path), 'files[1].path', /lies in/)
  }
  refused(file(`/${'x'.repeat(256)}`), 'files[1].path', /longer than 255/)
  refused(file(`/${'xy/'.repeat(400)}z`), 'files[1].path', /longer than 1024/)
  refused(file('/ok', 'other'), 'files[1].path', /"\/ok" is there twice/)
  refused(file('/ok/below'), 'files[1].path', /"\/ok\/below" lies in "\/ok", which is a file/)
  refused(file('/a', 'x'.repeat(limits.FILES_BYTES_MAX + 1)), 'files', /more than 524288 bytes/)
  refused(file('/a', '\ud800'), 'files[1].content', /Unicode/)
  refused({ files: [{ path: '/a', mode: '999' }] }, 'files[0].mode', /octal/)
  refused({ files: [{ path: '/a', mode: 0o10000 }] }, 'files[0].mode', /7777/)
  refused({ files: [{ path: '/a', mode: -1 }] }, 'files[0].mode', /small|octal|>=0/i)
  refused({ files: [{ path: '/a', content: 'a', encoding: 'base64' }] }, 'files[0].content', /not base64/)
  refused({ files: [{ path: '/a', encoding: 'hex' }] }, 'files[0].encoding', /text or base64/)
  refused({ files: [{ path: '/a', owner: 'root' }] }, 'files[0].owner', /no such field/)
  refused({ files: 'x' }, 'files', /must be a list/)
  assert.is(normalise({ class: 'deb', ...file('/okay/below') }, CATALOG).files.length, 2)
  assert.is(normalise({ class: 'deb', ...file('/devices') }, CATALOG).files[0]?.mode, 0o644)
})

test('scripts', () => {
  const script = (text: string) => normalise({ class: 'deb', script: text }, CATALOG).script
  assert.is(script('\r\n\r\na\r\n\r\nb\r\n\r\n'), 'a\n\nb\n')
  assert.is(script('x'.repeat(limits.SCRIPT_BYTES_MAX - 1)).length, limits.SCRIPT_BYTES_MAX)
  refused({ script: 'x'.repeat(limits.SCRIPT_BYTES_MAX) }, 'script', /longer than 65536/)
  refused({ script: 'a\0b' }, 'script', /NUL/)
  refused({ script: 'a\ud800b' }, 'script', /Unicode/)
  refused({ script: ['a'] }, 'script', /must be text/)
})

test('repositories', () => {
  const repository = (change: object) => ({
    repositories: [
      { ...REPOSITORY, suite: 'a' },
      { ...REPOSITORY, ...change },
    ],
  })
  for (const uri of [
    '',
    'ftp://a/',
    'a',
    'https://',
    'http://a b/',
    'http://a/\nx',
    'http://a/[x]',
    'http://a/#x',
    'cdrom:x',
    'file://host/x',
    'copy:/x',
    'http://a/$x',
  ]) {
    refused(repository({ uri }), 'repositories[1].uri', /is not an http|names a host/)
  }
  refused(repository({ uri: 'https://u:p@a.example/' }), 'repositories[1].uri', /password/)
  refused(repository({ uri: 'file:///srv/debian' }), 'repositories[1].uri', /this farm takes http and https only/)
  const own = normalise({ class: 'deb', ...repository({ uri: 'file:///srv/../debian' }) }, CATALOG, {
    fileRepositories: true,
  })
  assert.is(own.repositories[0]?.uri, 'file:///debian')
  for (const suite of ['a b', '../x', '-x', 'a\n', '[x]'])
    refused(repository({ suite }), 'repositories[1].suite', /suite/)
  refused(repository({ suite: '' }), 'repositories[1].suite', /is needed/)
  refused(repository({ suite: './' }), 'repositories[1].components', /has none/)
  refused(repository({ components: [] }), 'repositories[1].components', /at least one/)
  refused(repository({ components: ['main', 'a b'] }), 'repositories[1].components[1]', /not a component/)
  for (const key of ['', 'x', KEY.slice(0, -10), `${KEY}${KEY.slice(5)}x`, KEY.replace('mQ', 'm\u0001')]) {
    refused(repository({ key }), 'repositories[1].key', /OpenPGP/)
  }
  refused(repository({ key: 'PRIVATE'.padEnd(limits.KEY_BYTES_MAX + 1) }), 'repositories[1].key', /OpenPGP|long/)
  const { key: _, ...without } = REPOSITORY
  refused({ repositories: [without] }, 'repositories[0].key', /must be text/)
  refused({ class: 'red', repositories: [REPOSITORY] }, 'repositories[0].suite', /no suites/)
  refused({ class: 'red', repositories: [{ ...REPOSITORY, suite: '' }] }, 'repositories[0].components', /no components/)
  const dressed = `\r\n${KEY.replaceAll('\n', ' \r\n')}\r\n`
  assert.is(normalise({ class: 'deb', ...repository({ key: dressed }) }, CATALOG).repositories[0]?.key, KEY)
})

test('lists that are too long', () => {
  const many = (count: number, make: (i: number) => unknown) => Array.from({ length: count }, (_, i) => make(i))
  refused({ groups: many(65, () => 'core') }, 'groups', /more than 64/)
  refused({ packages: many(1025, (i) => `p${i}`) }, 'packages', /more than 1024/)
  refused({ packages: many(500_000, () => '-') }, 'packages', /more than 1024/)
  refused({ files: many(129, (i) => ({ path: `/${i}` })) }, 'files', /more than 128/)
  refused({ repositories: many(9, () => REPOSITORY) }, 'repositories', /more than 8/)
  assert.is(normalise({ class: 'deb', packages: many(1024, (i) => `p${i}`) }, CATALOG).packages.length, 1024)
})

test('all problems are said at once, those of the catalogue too', () => {
  const lines = refusals(() =>
    normalise({ class: 'nope', name: '/', groups: ['nope'], fileType: 'zip', x: 1 }, CATALOG),
  )
  assert.equal(lines.map((line) => line.split(':')[0]).sort(), ['class', 'fileType', 'groups', 'name', 'x'])
})

test('what is no request, and fields that there are not', () => {
  for (const raw of [undefined, null, 1, 'x', [], [FULL]]) {
    assert.match(refusals(() => normalise(raw, CATALOG))[0] ?? '', /^: a request is an object/)
  }
  for (const field of ['klass', 'toString', 'constructor', 'filetype'])
    refused({ [field]: 'x' }, field, /no such field; there are name, /)
  assert.match(
    refusals(() => normalise(parseJson('{"class":"deb","__proto__":{"arch":"x"}}'), CATALOG))[0] ?? '',
    /^__proto__: /,
  )
  const keys = Object.fromEntries(Array.from({ length: 100_000 }, (_, i) => [`k${i}`, 1]))
  assert.ok(refusals(() => normalise(keys, CATALOG)).length <= limits.PROBLEMS_MAX)
  for (const text of ['', '{', '[1,]', '\0', '['.repeat(1_000_000)])
    assert.match(refusals(() => parseJson(text))[0] ?? '', /no JSON/)
  assert.match(refusals(() => parseJson(Buffer.from([0x22, 0xff, 0x22])))[0] ?? '', /not UTF-8/)
  assert.match(refusals(() => parseJson(' '.repeat(limits.REQUEST_BYTES_MAX + 1)))[0] ?? '', /more than/)
  assert.equal(
    refusals(() => restore({})),
    ['class: is missing', 'arch: is missing'],
  )
})

test('stored configurations are read without the catalogue that they were of', () => {
  const config = restore({ class: 'gone', arch: 'vax', groups: ['gone'], appliance: 'gone', packages: ['Any'] })
  assert.is(config.class, 'gone')
  assert.equal(plain(restore(toRaw(config))), plain(config))
})

test('URLs and forms', () => {
  const create = (text: string) => refusals(() => parseCreate(text, CATALOG))
  assert.equal(create('class=deb&class=red'), ['class: is there more than once'])
  assert.match(create('class=deb&colour=red')[0] ?? '', /^colour: there is no such parameter; there are name, class/)
  assert.match(create('class=%ff')[0] ?? '', /"%ff" is not percent-encoded/)
  assert.match(create('class=%zz')[0] ?? '', /not percent-encoded/)
  assert.match(create('class=deb&download=maybe')[0] ?? '', /^download: "maybe" is neither on nor off/)
  assert.match(create('class=deb&package=../x')[0] ?? '', /^packages\[0\]: /)
  assert.match(
    create('class=deb&filemode=0644&filemode=1&filepath=/a')[0] ?? '',
    /^files\[0\]\.path: filepath is there 1 of 2/,
  )
  assert.match(create('class=deb&filecontent=x')[0] ?? '', /^files\[0\]\.path: must be text/)
  assert.match(create('&'.repeat(limits.PARAMETERS_MAX + 1))[0] ?? '', /more than 4096 parameters/)
  assert.match(create('class=nope&download=x&y=1').join('\n'), /^y: .*\ndownload: .*\nclass: /)
  const { config } = parseCreate('class=deb&filepath=&filemode=0644&filecontent=&token=abc&synchronous=1', CATALOG, {
    ignored: ['token'],
  })
  assert.equal(config.files, [], 'an empty row is none')
  assert.equal(createOf([['class', ' deb ']], CATALOG).config, parseCreate('class=deb', CATALOG).config)
  assert.equal(parseParameters('a=1&a=2&b&c=d=e&&=f'), [
    ['a', '1'],
    ['a', '2'],
    ['b', ''],
    ['c', 'd=e'],
    ['', 'f'],
  ])
})

test('fields have a place in forms, and one schema', () => {
  assert.is(parameterOf('packages[3]'), 'package')
  assert.is(parameterOf('imageBytes'), 'size')
  assert.is(parameterOf('files[0].path'), 'filepath')
  assert.is(parameterOf('files'), 'filepath')
  assert.is(parameterOf('repositories[1].components[0]'), 'repocomponents')
  assert.is(parameterOf('repositories'), 'repouri')
  assert.is(parameterOf('download'), 'download')
  const { properties } = requestJsonSchema() as {
    properties: Record<string, { maxLength?: number; maxItems?: number }>
  }
  assert.equal(Object.keys(properties).sort(), Object.keys(restore({ class: 'x', arch: 'y' })).sort())
  assert.equal(
    [...PARAMETERS.map(({ field }) => field), 'files', 'repositories'].sort(),
    Object.keys(properties).sort(),
  )
  assert.is(properties.packages?.maxItems, limits.PACKAGES_MAX)
  assert.is(properties.script?.maxLength, limits.SCRIPT_BYTES_MAX)
})

test.run()
