import type { Database } from 'lmdb'
import { asHotblockError, HotblockError } from '../../protocols/errors.ts'

/** An LMDB database of bytes under bytes. */
export type BinaryDatabase = Database<Uint8Array, Uint8Array>

/** What LMDB threw, as a HotblockError: a full disk keeps its meaning. */
export function indexFailure(error: unknown): HotblockError {
  const failure = asHotblockError(error)
  if (failure.code !== 'INTERNAL' || !/no space|ENOSPC|MDB_MAP_FULL/i.test(messages(error))) return failure
  return new HotblockError('NO_SPACE', 'the disk that the index is on is full', {}, error)
}

/** LMDB says of a commit only that it failed, and why in what it was caused by. */
function messages(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  return error.cause === undefined ? error.message : `${error.message} ${messages(error.cause)}`
}
