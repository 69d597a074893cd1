/**
 * ClassAds as HTCondor hands them to file transfer plugins: a file with any number of `[ Name = value; Name = value ]`. Only
 * values that are strings are read; what others say is passed over. Pure, and in time that is linear in the text.
 */
import { HotblockError } from '../../../protocols/errors.ts'

export const ADS_MAX = 4096
const NESTING_MAX = 64

/** Names in small letters, since those of ClassAds do not tell case apart. */
export type StringAttributes = ReadonlyMap<string, string>

const CHARACTERS: Readonly<Record<string, string>> = { n: '\n', t: '\t', r: '\r', b: '\b', f: '\f' }
const OPENING = '[({'
const CLOSING = '])}'

/** @throws BAD_FILE where the text is no list of ClassAds, or has more than ADS_MAX */
export function parseAds(text: string): StringAttributes[] {
  const ads: StringAttributes[] = []
  let at = afterSpace(text, 0)
  while (at < text.length) {
    if (text[at] !== '[') throw bad('a ClassAd does not begin with [')
    if (ads.length === ADS_MAX) throw bad(`there are more than ${ADS_MAX}`)
    const ad = new Map<string, string>()
    at = readAd(text, at + 1, ad)
    ads.push(ad)
    at = afterSpace(text, at)
  }
  return ads
}

/** @returns where the ad ends */
function readAd(text: string, start: number, into: Map<string, string>): number {
  let at = start
  for (;;) {
    at = afterSpace(text, at)
    if (text[at] === ']') return at + 1
    if (text[at] === ';') {
      at++
      continue
    }
    const equals = text.indexOf('=', at)
    if (equals === -1) throw bad('an attribute has no value')
    const name = text
      .slice(at, equals)
      .trim()
      .replace(/^'(.*)'$/, '$1')
    if (!/^[A-Za-z_][A-Za-z0-9_.]{0,255}$/.test(name)) throw bad('an attribute has no name')
    at = afterSpace(text, equals + 1)
    const string = text[at] === '"' ? readString(text, at) : undefined
    const end = endOfValue(text, string?.end ?? at)
    // "a" + "b" is an expression.
    if (string !== undefined && text.slice(string.end, end).trim() === '') into.set(name.toLowerCase(), string.value)
    at = end
  }
}

/** @returns where the ; or ] is that ends the value */
function endOfValue(text: string, start: number): number {
  let depth = 0
  for (let at = start; at < text.length; at++) {
    const character = text[at]!
    if (character === '"') at = readString(text, at).end - 1
    else if (depth === 0 && (character === ';' || character === ']')) return at
    else if (OPENING.includes(character)) depth++
    else if (CLOSING.includes(character)) depth--
    if (depth > NESTING_MAX) throw bad('it is nested too deeply')
  }
  throw bad('a ClassAd does not end')
}

function readString(text: string, start: number): { value: string; end: number } {
  const pieces: string[] = []
  for (let at = start + 1; at < text.length; at++) {
    const character = text[at]!
    if (character === '"') return { value: pieces.join(''), end: at + 1 }
    if (character !== '\\') {
      pieces.push(character)
      continue
    }
    const octal = /^[0-3]?[0-7]{1,2}/.exec(text.slice(at + 1, at + 4))?.[0]
    const next = text[at + 1] ?? ''
    pieces.push(octal === undefined ? (CHARACTERS[next] ?? next) : String.fromCharCode(Number.parseInt(octal, 8)))
    at += octal?.length ?? 1
  }
  throw bad('a string does not end')
}

function afterSpace(text: string, start: number): number {
  let at = start
  while (at < text.length && ' \t\r\n'.includes(text[at]!)) at++
  return at
}

function bad(message: string): HotblockError {
  return new HotblockError('BAD_FILE', `no list of ClassAds: ${message}`)
}

export type Value = string | number | boolean

/** A ClassAd of these attributes, on one line. Control characters are left out: nobody needs them, logs suffer from them. */
export function formatAd(attributes: Readonly<Record<string, Value>>): string {
  const parts = Object.entries(attributes).map(([name, value]) => `${name} = ${formatValue(value)}`)
  return `[ ${parts.join('; ')} ]\n`
}

function formatValue(value: Value): string {
  if (typeof value !== 'string') return String(value)
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is taken away
  const plain = value.replaceAll(/[\u0000-\u001f\u007f]+/g, ' ')
  return `"${plain.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`
}
