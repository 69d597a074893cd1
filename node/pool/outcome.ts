/**
 * What a thread hands back. A failure travels as plain values, because a thrown error loses its class and may lose its
 * fields on the way between threads.
 */
import { type FailureCode, type FailureData, HotblockError } from '../../protocols/errors.ts'
import type { AnyAnswer } from './perform.ts'

interface PackedError {
  readonly message: string
  readonly stack: string | undefined
  /** Of a HotblockError. */
  readonly failure?: { code: FailureCode; data: FailureData }
  /** Of what the system threw. */
  readonly system?: { code?: string; errno?: number; path?: string; syscall?: string }
}

export type Outcome = { readonly answer: AnyAnswer } | { readonly error: PackedError }

export function packError(thrown: unknown): PackedError {
  const error = thrown instanceof Error ? thrown : new Error(String(thrown))
  const packed = { message: error.message, stack: error.stack }
  if (error instanceof HotblockError) return { ...packed, failure: { code: error.code, data: error.data } }
  const { code, errno, path, syscall } = error as NodeJS.ErrnoException
  const system = Object.fromEntries(Object.entries({ code, errno, path, syscall }).filter(([, value]) => value != null))
  return { ...packed, system }
}

export function unpackError(packed: PackedError): Error {
  const { failure, message } = packed
  const error =
    failure === undefined
      ? Object.assign(new Error(message), packed.system)
      : new HotblockError(failure.code, message, failure.data)
  if (packed.stack !== undefined) error.stack = packed.stack
  return error
}
