/**
 * The images that a job asks for, out of text that its user wrote. Pure, and in time that is linear in the text.
 *
 *     script            lines `#HOTBLOCK image=NAME`, several `image=` on a line if need be
 *     comment           `hotblock=NAME` among other things, between commas, white space or the operators of a constraint
 *
 * Everything else in the text is passed over. What follows `image=` or `hotblock=` must be NAME or NAME@BUILDER, nothing
 * else; one that is not is left out and counted.
 */
import { parseWantedName } from '../../../protocols/records/name.ts'
import { REFERENCES_MAX } from './limits.ts'

export type TextKind = 'script' | 'comment'

export interface References {
  /** Each once, in the order of the text; at most REFERENCES_MAX. */
  readonly names: string[]
  /** References that are no names. */
  readonly bad: number
  /** References beyond the most that a job may have. */
  readonly left: number
}

const DIRECTIVE = '#HOTBLOCK'
const IN_SCRIPT = 'image='
const IN_COMMENT = 'hotblock='
/** What stands between the words of a comment or of a constraint. */
const BETWEEN = /[\s,;&|()[\]*"']+/

/** A script has lines, a comment is one. */
export function kindOf(text: string): TextKind {
  return text.startsWith('#') || text.trimEnd().includes('\n') ? 'script' : 'comment'
}

export function referencesOf(text: string, kind: TextKind = kindOf(text)): References {
  return chosen(kind === 'script' ? inScript(text) : words(text, IN_COMMENT))
}

/** References that were given one by one. */
export function chosen(given: Iterable<string>): References {
  const names = new Set<string>()
  let bad = 0
  let left = 0
  for (const name of given) {
    if (!isReference(name)) bad++
    else if (names.has(name)) continue
    else if (names.size >= REFERENCES_MAX) left++
    else names.add(name)
  }
  return { names: [...names], bad, left }
}

export function isReference(text: string): boolean {
  try {
    parseWantedName(text)
    return true
  } catch {
    return false
  }
}

function* inScript(text: string): Generator<string> {
  for (const line of text.split(/\r?\n/)) {
    if (!line.startsWith(DIRECTIVE)) continue
    const rest = line.slice(DIRECTIVE.length)
    // #HOTBLOCKED is somebody else's.
    if (/^\s/.test(rest)) yield* words(rest, IN_SCRIPT, /\s+/)
  }
}

function* words(text: string, before: string, between = BETWEEN): Generator<string> {
  for (const word of text.split(between)) if (word.startsWith(before)) yield word.slice(before.length)
}
