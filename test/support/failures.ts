import * as assert from 'uvu/assert'
import { type FailureCode, HotblockError } from '../../protocols/errors.ts'

/** Asserts that a call throws the failure with this code, and returns it. */
export function throwsCode(code: FailureCode, call: () => unknown): HotblockError {
  try {
    call()
  } catch (error) {
    return checked(code, error)
  }
  assert.unreachable(`should have thrown ${code}`)
  throw new Error()
}

/** Asserts that a promise rejects with the failure of this code, and returns it. */
export async function rejectsCode(code: FailureCode, promise: Promise<unknown>): Promise<HotblockError> {
  try {
    await promise
  } catch (error) {
    return checked(code, error)
  }
  assert.unreachable(`should have rejected with ${code}`)
  throw new Error()
}

function checked(code: FailureCode, error: unknown): HotblockError {
  if (!(error instanceof HotblockError)) throw error
  assert.is(error.code, code, error.message)
  return error
}
