/**
 * Lists of hosts as schedulers write them: names between commas or white space, with Slurm's brackets:
 * `n[1-3,07]x[a…]` is not one, `rack[1-2]n[01-16],login` is. Pure.
 */
import { HotblockError } from '../../../protocols/errors.ts'
import { HOSTLIST_CHARACTERS_MAX, HOSTS_MAX } from './limits.ts'

/** The longest name of a host that DNS has. */
export const HOST_CHARACTERS_MAX = 253
/** Pairs of brackets in one name. */
const BRACKETS_MAX = 4
/** Digits of a number in brackets. */
const DIGITS_MAX = 9

const HOST = /^[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?$/
const RANGE = /^(\d+)(?:-(\d+))?$/
const BETWEEN_HOSTS = /[\s,]/
const BETWEEN_RACKS = /\s/

/** Whether this is the name or the IPv4 address of a host, and nothing else. */
export function isHost(text: string): boolean {
  return text.length <= HOST_CHARACTERS_MAX && HOST.test(text)
}

/**
 * @returns each host once, in the list's order; none where the list is empty
 * @throws USAGE for what is no such list, or more than HOSTS_MAX hosts; nothing of such a list is of use then
 */
export function expandHosts(text: string): string[] {
  checkLength(text)
  const hosts = new Set<string>()
  for (const word of wordsOf(text, BETWEEN_HOSTS)) {
    for (const host of expandWord(word, HOSTS_MAX)) {
      if (!isHost(host)) throw bad(`${shown(host)} is no host`)
      hosts.add(host)
      if (hosts.size > HOSTS_MAX) throw tooMany()
    }
  }
  return [...hosts]
}

/**
 * Racks: lists of hosts with white space between them and commas within: `r1n[01-40],r1gpu r2n[01-40]` are two.
 *
 * @returns the hosts of each
 * @throws USAGE as expandHosts does; HOSTS_MAX is the most of all racks together
 */
export function expandRacks(text: string): string[][] {
  checkLength(text)
  const racks: string[][] = []
  let count = 0
  for (const word of wordsOf(text, BETWEEN_RACKS)) {
    const hosts = expandHosts(word)
    count += hosts.length
    if (count > HOSTS_MAX) throw tooMany()
    if (hosts.length > 0) racks.push(hosts)
  }
  return racks
}

function checkLength({ length }: string): void {
  if (length > HOSTLIST_CHARACTERS_MAX) {
    throw bad(`it has ${length} characters; ${HOSTLIST_CHARACTERS_MAX} are the most`)
  }
}

/** Cut where that stands between words, but not in brackets. */
function* wordsOf(text: string, between: RegExp): Generator<string> {
  let start = 0
  let inside = false
  for (let at = 0; at <= text.length; at++) {
    const character = text[at]
    if (character === '[') {
      if (inside) throw bad('a bracket is within a bracket')
      inside = true
    } else if (character === ']') {
      if (!inside) throw bad('a bracket closes that was not opened')
      inside = false
    } else if (character === undefined || (!inside && between.test(character))) {
      if (at > start) yield text.slice(start, at)
      start = at + 1
    }
  }
  if (inside) throw bad('a bracket is not closed')
}

/** One name with its brackets, as all the names that it stands for. */
function expandWord(word: string, most: number): string[] {
  let names = ['']
  let brackets = 0
  for (const part of word.split(/(\[[^\]]*\])/)) {
    if (part === '') continue
    if (!part.startsWith('[')) {
      names = names.map((name) => name + part)
      continue
    }
    if (++brackets > BRACKETS_MAX) throw bad(`${shown(word)} has more than ${BRACKETS_MAX} brackets`)
    const numbers = expandNumbers(part.slice(1, -1), word, most)
    // Counted before they are made.
    if (names.length * numbers.length > most) throw tooMany()
    names = names.flatMap((name) => numbers.map((number) => name + number))
  }
  return names
}

/** '1-3,07' → 1, 2, 3, 07: a range is as wide as its first number. */
function expandNumbers(ranges: string, word: string, most: number): string[] {
  const numbers: string[] = []
  for (const range of ranges.split(',')) {
    const [, first, last = first] = RANGE.exec(range.trim()) ?? []
    if (first === undefined || last === undefined) throw bad(`${shown(word)} has brackets without numbers`)
    if (first.length > DIGITS_MAX || last.length > DIGITS_MAX) throw bad(`${shown(word)} has a number that is too long`)
    const [from, to] = [Number(first), Number(last)]
    if (to < from) throw bad(`${shown(word)} counts backwards`)
    if (numbers.length + to - from + 1 > most) throw tooMany()
    for (let number = from; number <= to; number++) numbers.push(String(number).padStart(first.length, '0'))
  }
  return numbers
}

function tooMany(): HotblockError {
  return bad(`it names more than ${HOSTS_MAX} hosts`)
}

function bad(what: string): HotblockError {
  return new HotblockError('USAGE', `the list of hosts cannot be used: ${what}`)
}

function shown(text: string): string {
  return JSON.stringify(text.length > 60 ? `${text.slice(0, 60)}…` : text)
}
