/** XML from anybody. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import * as limits from '../../../builder/config/limits.ts'
import { normalise, restore } from '../../../builder/config/normalise.ts'
import { badRequest } from '../../../builder/config/problems.ts'
import { parseXml, toXml } from '../../../builder/config/xml.ts'
import { CATALOG, FULL, KEY, plain, refusals } from '../../support/configs.ts'

const SECOND_MS = 1000

/** Asserts that the XML is refused with one problem, soon. */
function refused(xml: string | Uint8Array, expected: RegExp): void {
  const startedAt = performance.now()
  const [first = '', ...others] = refusals(() => parseXml(xml))
  assert.match(first, expected)
  assert.equal(others, [])
  assert.ok(performance.now() - startedAt < 5 * SECOND_MS, 'in time')
}

test('a DOCTYPE is refused, whatever is in it', () => {
  const laughs = Array.from({ length: 9 }, (_, i) => `<!ENTITY l${i + 1} "${`&l${i};`.repeat(10)}">`).join('')
  refused(`<!DOCTYPE image [<!ENTITY l0 "lol">${laughs}]><image><name>&l9;</name></image>`, /DOCTYPE/)
  refused('<!DOCTYPE image SYSTEM "file:///etc/passwd"><image/>', /DOCTYPE/)
  refused('<!DOCTYPE image [<!ENTITY x SYSTEM "file:///etc/passwd">]><image><name>&x;</name></image>', /DOCTYPE/)
  refused('<!DOCTYPE image [<!ENTITY % p SYSTEM "http://evil.example/x.dtd"> %p;]><image/>', /DOCTYPE/)
  refused('<?xml version="1.0"?>\n<!DOCTYPE image>\n<image/>', /line 2: a DOCTYPE is not allowed/)
  refused(`<!DOCTYPE image [${' '.repeat(100_000)}]><image/>`, /DOCTYPE/)
})

test('entities: the five and references to characters, no others', () => {
  const { name } = parseXml('<image><name>&lt;&gt;&amp;&quot;&apos;&#65;&#x42;</name></image>')
  assert.is(name, '<>&"\'AB')
  refused('<image><name>&nbsp;</name></image>', /undefined entity/)
  refused('<image><name>&xxe;</name></image>', /undefined entity/)
  refused('<image><name>&#0;</name></image>', /malformed character entity|disallowed/)
  refused('<image><name>&#xD800;</name></image>', /malformed character entity|disallowed/)
  refused('<image><name>&#x110000;</name></image>', /malformed character entity|disallowed/)
  refused('<image><name>a & b</name></image>', /XML, line 1/)
})

test('processing instructions, other versions and other encodings are refused', () => {
  refused('<?xml-stylesheet href="http://evil.example/"?><image/>', /processing instruction "xml-stylesheet"/)
  refused('<image><?php echo 1?></image>', /processing instruction "php"/)
  refused('<?xml version="1.1"?><image/>', /version "1\.1"/)
  refused('<?xml version="1.0" encoding="UTF-16"?><image/>', /encoding "UTF-16"/)
  refused('<?xml version="1.0" encoding="ISO-8859-1"?><image/>', /encoding "ISO-8859-1"/)
  assert.equal(parseXml('<?xml version="1.0" encoding="utf-8" standalone="yes"?><image/>'), {})
  assert.equal(parseXml(Buffer.from('\ufeff<image/>')), {}, 'a mark of byte order is none of it')
})

test('bytes that are no text, and characters that XML has not', () => {
  refused(Buffer.from([0x3c, 0x69, 0xff, 0x3e]), /not UTF-8/)
  refused(
    Buffer.concat([Buffer.from('<image><name>'), Buffer.from([0xc0, 0x80]), Buffer.from('</name></image>')]),
    /not UTF-8/,
  )
  refused(Buffer.from('<image/>', 'utf16le'), /XML, line 1/)
  refused('<image><name>\0</name></image>', /disallowed character/)
  refused('<image><name>\u0001</name></image>', /disallowed character/)
  refused('<image><name>\ud800</name></image>', /well-formed/)
})

test('what is no document', () => {
  for (const text of ['', ' ', 'x', '<', '<image', '<image>', '</image>', '<image></other>', '<image/><image/>']) {
    refused(text, /XML, line 1: /)
  }
  refused('{"class":"deb"}', /XML, line 1: /)
  refused('<image><name a="1" a="2"/></image>', /twice|duplicate/)
  refused('<IMAGE/>', /^IMAGE: the XML's root is <image>, not "IMAGE"/)
  refused('<x:image xmlns:x="urn:x"/>', /^x:image: /)
})

test('too much of it', () => {
  const { REQUEST_BYTES_MAX, XML_ATTRIBUTES_MAX, XML_DEPTH_MAX, XML_ELEMENTS_MAX } = limits
  refused(`<image>${' '.repeat(REQUEST_BYTES_MAX)}</image>`, /more than 2097152 bytes/)
  refused(Buffer.alloc(REQUEST_BYTES_MAX + 1, 0x20), /more than 2097152 bytes/)
  refused('<a>'.repeat(XML_DEPTH_MAX + 1), /nested deeper than 8/)
  refused('<a>'.repeat(500_000), /nested deeper than 8/)
  refused(`<image>${'<package>x</package>'.repeat(XML_ELEMENTS_MAX)}</image>`, /more than 4096 elements/)
  const attributes = Array.from({ length: XML_ATTRIBUTES_MAX + 1 }, (_, i) => `a${i}="1"`).join(' ')
  refused(`<image ${attributes}/>`, /more than 8 attributes/)
  // Long single things, for which a parser may take quadratic time.
  const long = 'x'.repeat(REQUEST_BYTES_MAX - 100)
  refused(`<image><${long}`, /unclosed|unexpected end/)
  refused(`<image a="${long}`, /unclosed|unexpected end/)
  refused(`<image>&${long}`, /XML, line 1/)
  refused(`<image><!--${long}`, /unclosed|unexpected end/)
  refused(`<image><![CDATA[${']'.repeat(REQUEST_BYTES_MAX - 100)}`, /unclosed|unexpected end/)
  refused(`<image>${' '.repeat(REQUEST_BYTES_MAX - 100)}x</image>`, /text between/)
  const spaces = `<image><name>x${' '.repeat(REQUEST_BYTES_MAX - 100)}y</name></image>`
  assert.match(refusals(() => restore(parseXml(spaces)))[0] ?? '', /^name: is longer/)
  const script = `<image><script>x${'\n'.repeat(REQUEST_BYTES_MAX - 100)}y</script></image>`
  assert.match(refusals(() => restore(parseXml(script)))[0] ?? '', /^script: is longer/)
})

test('elements and attributes that are unknown or there twice are named', () => {
  const xml = `<image version="2">
    <class>deb</class>
    <klass>deb</klass>
    <class>deb</class>
    <name><b>bold</b></name>
    <group colour="red">core</group>
    stray
    <repository><uri>a</uri><uri>b</uri><constructor/></repository>
    <file paht="/a"/>
    <__proto__>x</__proto__>
  </image>`
  const lines = refusals(() => parseXml(xml))
  for (const expected of [
    /^image: line 1: <image> has no attribute "version"/,
    /^image: line 1: there is text between the elements/,
    /^klass: line 3: there is no element "klass" here; there are name, class, arch/,
    /^class: line 4: <class> is there twice/,
    /^b: line 5: there is no element "b" here/,
    /^group: line 6: <group> has no attribute "colour"/,
    /^uri: line 8: <uri> is there twice/,
    /^constructor: line 8: there is no element "constructor" here; there are uri, component, key/,
    /^file: line 9: <file> has no attribute "paht"; there are path, mode, encoding/,
    /^__proto__: line 10: there is no element "__proto__"/,
  ]) {
    assert.ok(
      lines.some((line) => expected.test(line)),
      `${expected}\n${lines.join('\n')}`,
    )
  }
  assert.is(lines.length, 10)
})

test('contents that XML cannot hold are base64', () => {
  const binary = { path: '/b', content: Buffer.from([0, 1, 255]).toString('base64'), encoding: 'base64' }
  const config = normalise(
    { class: 'deb', files: [binary, { path: '/t', content: 'a\r\nb' }], script: 'printf "\u0007"' },
    CATALOG,
  )
  const xml = toXml(config)
  assert.match(xml, /<file path="\/b" mode="0644" encoding="base64">AAH\/<\/file>/)
  assert.match(xml, /<file path="\/t" mode="0644">a&#13;\nb<\/file>/)
  assert.match(xml, /<script encoding="base64">/)
  assert.equal(plain(restore(parseXml(xml))), plain(config))
  for (const [encoding, content] of [
    ['base64', 'A'],
    ['base64', '/w=='],
    ['hex', '00'],
  ]) {
    refused(`<image><script encoding="${encoding}">${content}</script></image>`, /^script: line 1: /)
  }
  const file = '<image><class>deb</class><arch>amd64</arch><file path="/a" encoding="base64">!</file></image>'
  assert.equal(
    refusals(() => restore(parseXml(file))),
    ['files[0].content: is not base64'],
  )
})

test('the largest configuration fits into its XML', () => {
  const { FILES_BYTES_MAX, FILES_MAX, FILE_PATH_BYTES_MAX } = limits
  const path = (i: number) =>
    `/${i}${'/&"<>'.repeat(FILE_PATH_BYTES_MAX)}`.slice(0, FILE_PATH_BYTES_MAX - 1).concat('x')
  const each = Math.floor(FILES_BYTES_MAX / FILES_MAX)
  const body = 'mQINBGHmnykBEACuIcqcNYTmu2q58XI5NRZowdJGAxxs+6ExX7qsa4vbPp6St7lB\n'
  const key = KEY.replace('=jk2t', `${body.repeat(490)}=jk2t`)
  const largest = {
    ...FULL,
    name: 'n'.repeat(128),
    packages: Array.from({ length: limits.PACKAGES_MAX }, (_, i) => `p${i}`.padEnd(limits.PACKAGE_LENGTH_MAX, 'x')),
    files: Array.from({ length: FILES_MAX }, (_, i) => ({ path: path(i), content: '\u0001'.repeat(each) })),
    script: '\u0001'.repeat(limits.SCRIPT_BYTES_MAX - 1),
    repositories: Array.from({ length: limits.REPOSITORIES_MAX }, (_, i) => ({
      uri: `http://a.example/${i}/`.padEnd(limits.URI_LENGTH_MAX, 'x'),
      suite: 's'.repeat(limits.SUITE_LENGTH_MAX),
      components: Array.from({ length: limits.COMPONENTS_MAX }, (_, j) =>
        `${j}`.padEnd(limits.COMPONENT_LENGTH_MAX, 'x'),
      ),
      key,
    })),
  }
  const config = normalise(largest, CATALOG)
  const xml = toXml(config)
  assert.ok(Buffer.byteLength(xml) > 1.5 * 1024 ** 2, `${Buffer.byteLength(xml)} bytes`)
  assert.equal(plain(restore(parseXml(Buffer.from(xml)))), plain(config))
})

test('a failure says the first problem and lists a bounded number', () => {
  const many = Array.from({ length: 1000 }, (_, i) => ({ field: `f${i}`, message: 'is wrong' }))
  const error = badRequest(many)
  assert.is(error.message, 'f0: is wrong (and 999 more)')
  assert.is((error.data.problems as unknown[]).length, limits.PROBLEMS_MAX)
  assert.is(error.http, 400)
  assert.is(error.exit, 2)
  assert.is(badRequest([{ field: '', message: 'no' }]).message, 'no')
})

test.run()
