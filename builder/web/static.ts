import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'

export interface StaticFile {
  readonly bytes: Buffer
  readonly type: string
  readonly etag: string
}

const FILES = {
  'farm.css': 'text/css; charset=utf-8',
  'farm.js': 'text/javascript; charset=utf-8',
  'icon.svg': 'image/svg+xml',
} as const

/** The few files that pages load: read once, so that nothing of a request ever becomes a path. */
export async function loadStatic(): Promise<ReadonlyMap<string, StaticFile>> {
  const files = new Map<string, StaticFile>()
  for (const [name, type] of Object.entries(FILES)) {
    const bytes = await readFile(join(import.meta.dirname, 'static', name))
    files.set(name, { bytes, type, etag: `"${createHash('sha256').update(bytes).digest('hex').slice(0, 32)}"` })
  }
  return files
}
