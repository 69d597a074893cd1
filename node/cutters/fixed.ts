import type { ImageFormat } from '../../protocols/table/table.ts'
import type { Cuts } from './cutter.ts'

/** Rows of `bytes` from the image's start on; the last is what is left. */
export function fixedCuts(format: ImageFormat, size: number, bytes: number, cutter = `fixed:${bytes}`): Cuts {
  return {
    format,
    cutter,
    *lengths() {
      for (let position = 0; position < size; position += bytes) yield Math.min(bytes, size - position)
    },
  }
}
