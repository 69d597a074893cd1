import type { PublishOptions, PublishProgress, PublishReport } from '../node/api.ts'
import { importImage } from '../node/import.ts'
import type { PublishDeps } from '../node/publisher.ts'
import { checkName } from '../protocols/records/name.ts'
import { type ImageRecord, signRecord } from '../protocols/records/record.ts'

/**
 * Publishes an image file under a name: import, record, announcement. The same image under the same name again keeps its
 * record; another image, or one of another configuration, gets the next sequence.
 * @throws BAD_NAME, NO_SUCH_FILE, BAD_FILE, NO_SPACE
 */
export async function publishImage(
  deps: PublishDeps,
  file: string,
  name: string,
  options: PublishOptions,
  progress: (p: PublishProgress) => void,
): Promise<PublishReport> {
  const startedAt = performance.now()
  checkName(name)
  const { table } = await importImage(deps.store, deps.pool, file, options, progress)
  progress({ phase: 'sign', doneBytes: table.imageBytes, imageBytes: table.imageBytes })
  const before = deps.book.held(deps.self, name)
  const { configDigest } = options
  const same = before?.record.root.equals(table.root) === true && equal(before.record.configDigest, configDigest)
  const sequence = (before?.record.sequence ?? 0) + 1
  const bytes = same ? before.bytes : await sign(deps, { name, table, sequence, configDigest })
  const { record } = await deps.book.accept(bytes)
  await deps.announce(record, bytes)
  progress({ phase: 'done', doneBytes: table.imageBytes, imageBytes: table.imageBytes })
  return {
    name,
    root: table.root.toString(),
    sequence: record.sequence,
    format: table.format,
    cutter: table.cutter,
    imageBytes: table.imageBytes,
    zeroBytes: table.zeroBytes,
    blocks: table.blocks,
    tableBytes: table.tableBytes,
    seconds: (performance.now() - startedAt) / 1000,
  }
}

interface Signed {
  readonly name: string
  readonly table: Pick<ImageRecord, 'root' | 'imageBytes' | 'format'>
  readonly sequence: number
  readonly configDigest: Uint8Array | undefined
}

async function sign(deps: PublishDeps, { name, table, sequence, configDigest }: Signed): Promise<Uint8Array> {
  const { root, imageBytes, format } = table
  const fields = { name, sequence, root, imageBytes, format, time: Date.now() }
  return signRecord(configDigest === undefined ? fields : { ...fields, configDigest }, deps.privateKey)
}

function equal(a: Uint8Array | undefined, b: Uint8Array | undefined): boolean {
  if (a === undefined || b === undefined) return a === b
  return Buffer.compare(a, b) === 0
}
