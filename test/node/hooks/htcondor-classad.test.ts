/** ClassAds of file transfer plugins: what HTCondor writes is read, and anything else ends with a failure in time. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { ADS_MAX, formatAd, parseAds } from '../../../node/hooks/htcondor/classad.ts'
import { nameOf, readTransferArguments } from '../../../node/hooks/htcondor/transfer.ts'
import { throwsCode } from '../../support/failures.ts'
import { withSeeds } from '../../support/seeds.ts'

const read = (text: string): object[] => parseAds(text).map((ad) => Object.fromEntries(ad))

test('the example of the manual is read', () => {
  const text = [
    '[ LocalFileName = "/path/to/local/copy/of/foo"; Url = "url://server/some/directory//foo" ]',
    '[ LocalFileName = "/path/to/local/copy/of/bar"; Url = "url://server/some/directory//bar" ]',
  ]
  assert.equal(read(text.join('\n')), [
    { localfilename: '/path/to/local/copy/of/foo', url: 'url://server/some/directory//foo' },
    { localfilename: '/path/to/local/copy/of/bar', url: 'url://server/some/directory//bar' },
  ])
})

test('all forms of values are passed over, strings with their escapes are read', () => {
  const text = String.raw`[
    n = 1; b = true; e = strcat("a]", "b;"); l = { "x", [ y = "z" ] }; 'Quoted' = "q";
    URL = "a\"b\\c\n\101\7"; sum = "a" + "b"; last = "ü"
  ][]`
  assert.equal(read(text), [{ quoted: 'q', url: 'a"b\\c\nA\u0007', last: 'ü' }, {}])
  assert.equal(read(' \n'), [])
})

test('what is no list of ClassAds is refused', () => {
  const nested = `[ a = ${'['.repeat(100)}${']'.repeat(100)} ]`
  for (const text of ['x', '[', '[ a', '[ a = ', '[ a = "', '[ a = "x"', '[ = 1 ]', '[ a b = 1 ]', '[a="x\\', nested]) {
    throwsCode('BAD_FILE', () => parseAds(text))
  }
  throwsCode('BAD_FILE', () => parseAds('[]'.repeat(ADS_MAX + 1)))
})

test('any text ends in time: as ads or as a failure', () =>
  withSeeds(50, (random) => {
    const alphabet = ['[', ']', '"', '\\', ';', '=', 'a', ' ', '\n', '{', '}', '(', ')', "'", '7', 'Url = "x"']
    const text = Array.from({ length: 5000 }, () => alphabet[Math.floor(random() * alphabet.length)]).join('')
    try {
      parseAds(`[ ${text}`)
    } catch (error) {
      assert.is((error as { code?: string }).code, 'BAD_FILE', String(error))
    }
  }))

test('what is written can be read again', () => {
  const ad = { TransferSuccess: false, TransferError: 'a "b" \\ c\n\u0000d', TransferFileBytes: 12 }
  const line = formatAd(ad)
  assert.is(line, '[ TransferSuccess = false; TransferError = "a \\"b\\" \\\\ c d"; TransferFileBytes = 12 ]\n')
  assert.equal(read(line), [{ transfererror: 'a "b" \\ c d' }])
})

test("the plugin's arguments", () => {
  const both = { infile: '/i', outfile: '/o' }
  assert.equal(readTransferArguments(['-infile', '/i', '-outfile', '/o']), { ...both, upload: false })
  assert.equal(readTransferArguments(['-outfile', '/o', '-infile', '/i', '-upload']), { ...both, upload: true })
  for (const words of [[], ['-infile'], ['-infile', '/i'], ['hotblock://a', '/x'], ['-infile', '/i', '-outfile']]) {
    throwsCode('USAGE', () => readTransferArguments(words))
  }
})

test('URLs name images, and nothing else', () => {
  assert.is(nameOf('hotblock://web'), 'web')
  assert.is(nameOf('HOTBLOCK://web-1.2+x'), 'web-1.2+x')
  for (const url of [
    '',
    'web',
    'http://web',
    'hotblock:web',
    'hotblock://',
    'hotblock:///web',
    'hotblock://a/../b',
    'hotblock://a b',
  ]) {
    throwsCode('BAD_NAME', () => nameOf(url))
  }
})

test.run()
