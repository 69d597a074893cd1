/** Fields that a scenario has in many places: sizes, rates, times, parts; each with its bounds. */
import { z } from 'zod'
import { parseRate, parseSize } from '../../protocols/quantities.ts'

export const SECONDS_MAX = 30 * 24 * 3600
export const NODES_MAX = 100_000
export const RACKS_MAX = 10_000
export const TEXT_MAX = 2_000
const QUANTITY_CHARS_MAX = 40

/** A size in bytes, as a number or as text: 4096, "64 KiB", "10 GB". */
export function size(least: number, most: number) {
  return quantity(parseSize, 'size; write one like 10 GB, 512 MiB or 4096', least, most).describe(
    'bytes, or text like "10 GB" (1000^3) or "64 KiB" (1024)',
  )
}

/** A rate in bytes a second, as a number or as text: "1 Gbit/s", "300 MB/s". */
export const rate = quantity(parseRate, 'rate; write one like 1 Gbit/s or 300 MB/s', 1024, 1e13).describe(
  'bytes a second, or text like "1 Gbit/s" or "300 MB/s"',
)

export const seconds = z.number().min(0).max(SECONDS_MAX)
/** A part of a whole, 0 to 1. */
export const part = z.number().min(0).max(1)
export const count = z.int().min(1).max(NODES_MAX)
export const rackNumber = z
  .int()
  .min(0)
  .max(RACKS_MAX - 1)
export const label = z
  .string()
  .regex(/^[a-z0-9][a-z0-9.-]{0,63}$/, 'has to be 1 to 64 small letters, digits, dots or dashes')
/** What people read. */
export const text = z
  .string()
  .max(TEXT_MAX)
  .regex(/^[^\p{Cc}]*$/u, 'has a control character')
export const file = z.string().min(1).max(1024)

function quantity(read: (text: string) => number | undefined, what: string, least: number, most: number) {
  return z.union([z.string().max(QUANTITY_CHARS_MAX), z.number()]).transform((value, context) => {
    const bytes = typeof value === 'number' ? value : read(value)
    if (bytes === undefined || !Number.isSafeInteger(bytes)) {
      context.addIssue({ code: 'custom', message: `${JSON.stringify(value)} is no ${what}` })
      return z.NEVER
    }
    if (bytes < least || bytes > most) {
      context.addIssue({
        code: 'custom',
        message: `${JSON.stringify(value)} is not between ${least} and ${most} bytes`,
      })
      return z.NEVER
    }
    return bytes
  })
}
