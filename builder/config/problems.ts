/** What is wrong with a request, field by field, so that a form or a fault can say it where it belongs. */
import { printable } from '../../node/printable.ts'
import { type FieldProblem, HotblockError } from '../../protocols/errors.ts'
import { PROBLEMS_MAX } from './limits.ts'

const SHOWN_CHARACTERS_MAX = 80
const LISTED_MAX = 24

/** The failure of a request, with all its problems in `data.problems`; its message is the first one. */
export function badRequest(problems: readonly FieldProblem[], cause?: unknown): HotblockError {
  const [first] = problems
  const more = problems.length > 1 ? ` (and ${problems.length - 1} more)` : ''
  const text = first === undefined ? 'the request is wrong' : [first.field, first.message].filter(Boolean).join(': ')
  return new HotblockError('BAD_REQUEST', `${text}${more}`, { problems: problems.slice(0, PROBLEMS_MAX) }, cause)
}

/** The problems that a failure carries; none where it is no BAD_REQUEST. */
export function problemsOf(error: unknown): readonly FieldProblem[] {
  if (!(error instanceof HotblockError) || error.code !== 'BAD_REQUEST') return []
  const { problems } = error.data
  return Array.isArray(problems) ? problems : []
}

/** @throws BAD_REQUEST where there are problems */
export function throwIfAny(problems: readonly FieldProblem[]): void {
  if (problems.length > 0) throw badRequest(problems)
}

/** A request's own text, short and safe to print. */
export function shown(value: unknown): string {
  const text = typeof value === 'string' ? value : String(value)
  const short = text.length > SHOWN_CHARACTERS_MAX ? `${text.slice(0, SHOWN_CHARACTERS_MAX).toWellFormed()}…` : text
  return printable(JSON.stringify(short))
}

/** What there is instead. */
export function listed(names: Iterable<string>): string {
  const all = [...names]
  if (all.length === 0) return 'there are none'
  const more = all.length > LISTED_MAX ? ` and ${all.length - LISTED_MAX} more` : ''
  return `there are ${all.slice(0, LISTED_MAX).join(', ')}${more}`
}

/** ['files', 0, 'path'] → files[0].path */
export function pathText(path: readonly PropertyKey[]): string {
  return path.reduce<string>((text, key) => {
    if (typeof key === 'number') return `${text}[${key}]`
    return text === '' ? String(key) : `${text}.${String(key)}`
  }, '')
}
