/** What callers send, checked. */
import type { z } from 'zod'
import { HotblockError } from '../../protocols/errors.ts'
import { parseWantedName } from '../../protocols/records/name.ts'

/** NAME or NAME@BUILDER. @throws BAD_NAME */
export function wanted(text: string): string {
  parseWantedName(text)
  return text
}

/** The body of a call. @throws USAGE naming the field that is wrong */
export function checked<S extends z.ZodType>(schema: S, request: { readonly body: unknown }): z.output<S> {
  const result = schema.safeParse(request.body ?? {})
  if (result.success) return result.data
  const [issue] = result.error.issues
  const field = issue?.path.join('.') || 'body'
  throw new HotblockError('USAGE', `${field}: ${issue?.message ?? 'is wrong'}`, { field })
}
