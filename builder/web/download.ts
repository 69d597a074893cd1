/** Sends files of the repository: whole or in part, resumable, never more in memory than a few pieces. */
import { open } from 'node:fs/promises'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { readRange } from '../repository/range.ts'

export interface FileToSend {
  readonly path: string
  readonly type: string
  /** What a browser calls it; letters, digits and ._+- only. */
  readonly fileName: string
  /** Changes with the content. */
  readonly etag: string
  /** Shown in the browser, or saved. */
  readonly inline?: boolean
}

export async function sendFile(request: FastifyRequest, reply: FastifyReply, file: FileToSend): Promise<FastifyReply> {
  const handle = await open(file.path, 'r')
  let sent = false
  try {
    const { size, mtime } = await handle.stat()
    const etag = `"${file.etag}"`
    reply.header('etag', etag)
    reply.header('last-modified', mtime.toUTCString())
    reply.header('accept-ranges', 'bytes')
    reply.header('content-type', file.type)
    reply.header('cache-control', 'no-cache')
    reply.header('content-disposition', `${file.inline ? 'inline' : 'attachment'}; filename="${file.fileName}"`)
    const { range: asked, 'if-range': condition, 'if-none-match': known } = request.headers
    if (known?.split(',').some((tag) => tag.trim().replace(/^W\//, '') === etag) === true) {
      return reply.code(304).send()
    }
    const usable = condition === undefined || condition === etag
    const range = size === 0 || !usable || request.method !== 'GET' ? 'whole' : readRange(asked, size)
    if (range === 'none') {
      return reply.code(416).header('content-range', `bytes */${size}`).removeHeader('content-disposition').send()
    }
    const { first, last } = range === 'whole' ? { first: 0, last: size - 1 } : range
    if (range !== 'whole') reply.code(206).header('content-range', `bytes ${first}-${last}/${size}`)
    reply.header('content-length', last - first + 1)
    if (request.method === 'HEAD' || size === 0) return reply.send()
    sent = true
    return reply.send(handle.createReadStream({ start: first, end: last, highWaterMark: 256 * 1024 }))
  } finally {
    if (!sent) await handle.close()
  }
}
