type Column = Uint8Array | Uint16Array | Uint32Array | Float64Array

/** Bytes of a payload's buffer that may lie beside it: the head of the message that it came in. */
const BESIDE_BYTES_MAX = 4096

/**
 * A job with copies of its columns, and the buffers of the copies, which can be handed over to a thread. Without this, a
 * view of a few bytes would take the whole buffer behind it along, and the caller could lose what is not its own. A
 * `payload` that has its buffer to itself is handed over as it is.
 */
export function withOwnBuffers<T extends object>(job: T): { job: T; buffers: ArrayBuffer[] } {
  const buffers: ArrayBuffer[] = []
  const own = Object.fromEntries(
    Object.entries(job).map(([key, value]) => {
      if (!ArrayBuffer.isView(value)) return [key, value]
      const column = key === 'payload' && isAlone(value as Column) ? (value as Column) : copyOf(value as Column)
      buffers.push(column.buffer as ArrayBuffer)
      return [key, column]
    }),
  )
  return { job: own as T, buffers }
}

/** The buffers behind the columns of an answer. Jobs make each of them for the answer alone. */
export function buffersOf(answer: object): ArrayBuffer[] {
  const columns = Object.values(answer).filter((value) => ArrayBuffer.isView(value))
  return [...new Set(columns.map((column) => column.buffer as ArrayBuffer))]
}

function isAlone({ buffer, byteLength }: Column): boolean {
  // Node cuts small ones from a pool of that size, which others use too.
  const shared = !(buffer instanceof ArrayBuffer) || buffer.byteLength <= Buffer.poolSize
  return !shared && buffer.byteLength - byteLength <= BESIDE_BYTES_MAX
}

function copyOf(column: Column): Column {
  if (column instanceof Uint16Array) return new Uint16Array(column)
  if (column instanceof Uint32Array) return new Uint32Array(column)
  if (column instanceof Float64Array) return new Float64Array(column)
  // Also for a Buffer, whose slice() is a view, and whose memory may be shared with other buffers.
  return new Uint8Array(column)
}
