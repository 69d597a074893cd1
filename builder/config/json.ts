/** Requests as JSON: the fields of ImageConfig under their names, contents of files as text or base64. */
import { requestText } from './from-text.ts'
import type { ExtraFile, ImageConfig } from './image-config.ts'
import { badRequest } from './problems.ts'

export interface RawFile {
  readonly path: string
  readonly mode: number
  readonly content: string
  readonly encoding: 'text' | 'base64'
}

/** A configuration as plain values; normalise and restore take it back. */
export type RawConfig = Omit<ImageConfig, 'files'> & { readonly files: readonly RawFile[] }

/** @throws BAD_REQUEST where it is no JSON; what it says is for normalise to check */
export function parseJson(input: Uint8Array | string): unknown {
  const text = requestText(input, 'the JSON')
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw badRequest([{ field: '', message: `no JSON: ${(cause as Error).message.split('\n')[0]}` }], cause)
  }
}

/** The configuration as plain values, for answers and for people. */
export function toRaw(config: ImageConfig): RawConfig {
  return { ...config, files: config.files.map(rawFile) }
}

/** Contents that are UTF-8 as they are, others in base64. */
export function rawFile({ path, mode, content }: ExtraFile): RawFile {
  const text = utf8(content)
  if (text !== undefined) return { path, mode, content: text, encoding: 'text' }
  return { path, mode, content: Buffer.from(content).toString('base64'), encoding: 'base64' }
}

/** Undefined where the bytes are not UTF-8. A mark of byte order stays in the text. */
function utf8(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch {
    return undefined
  }
}
