/** What is wrong with a request, in the form that all answers are made from. */
import { asHotblockError, type FailureCode, type FieldProblem, HotblockError } from '../../protocols/errors.ts'

/** Problems that an answer lists. */
const PROBLEMS_MAX = 32

export interface Answer {
  readonly code: string
  readonly message: string
  readonly hint: string
  readonly fields: readonly FieldProblem[]
}

export function answerOf(error: HotblockError): Answer {
  return { code: error.code, message: error.message, hint: error.hint, fields: fieldsOf(error) }
}

export function fieldsOf(error: HotblockError): readonly FieldProblem[] {
  const { problems } = error.data
  return Array.isArray(problems) ? problems.slice(0, PROBLEMS_MAX) : []
}

/** Whatever a handler threw; fastify's own failures (too large a body, a broken URL) are the asker's. */
export function failureOf(thrown: unknown): { readonly error: HotblockError; readonly status: number } {
  if (thrown instanceof HotblockError) return { error: thrown, status: thrown.http }
  const { statusCode, message } = thrown as { statusCode?: number; message?: string }
  if (statusCode !== undefined && statusCode >= 400 && statusCode < 500) {
    return { error: new HotblockError('USAGE', `the request was refused: ${message}`), status: statusCode }
  }
  const error = asHotblockError(thrown)
  return { error, status: error.http }
}

/** The failure that a build has ended with, as it was when it happened. */
export function failureOfBuild(id: number, error: { code: string; message: string } | undefined): HotblockError {
  const { code, message } = error ?? { code: 'INTERNAL', message: 'the build failed' }
  return new HotblockError(code as FailureCode, message, { build: id })
}
