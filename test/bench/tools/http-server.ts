/**
 * A plain web server for files of a directory, as a process of its own: `node http-server.ts DIRECTORY PORT`. It answers
 * ranges, also several in one request, which zsync asks for.
 */
import { closeSync, createReadStream, fstatSync, openSync, readSync } from 'node:fs'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { join, normalize } from 'node:path'

const [directory, port] = process.argv.slice(2)
/** Up to this length an answer is read in one go. */
const SMALL_BYTES = 1024 * 1024
const BOUNDARY = 'part-of-the-file'

createServer({ keepAliveTimeout: 60_000 }, answer).listen(Number(port), '127.0.0.1')

function answer(request: IncomingMessage, response: ServerResponse): void {
  const path = join(directory!, normalize(decodeURIComponent(new URL(request.url!, 'http://here').pathname)))
  let file: number
  try {
    file = openSync(path, 'r')
  } catch {
    response.writeHead(404).end()
    return
  }
  const { size } = fstatSync(file)
  const ranges = rangesOf(request.headers.range, size)
  if (ranges === undefined && size > SMALL_BYTES) {
    response.writeHead(200, { 'content-length': size })
    createReadStream('', { fd: file, highWaterMark: SMALL_BYTES }).pipe(response)
    return
  }
  if (ranges === undefined) response.writeHead(200, { 'content-length': size }).end(read(file, 0, size))
  else if (ranges.length === 1) sendRange(response, file, ranges[0]!, size)
  else sendRanges(response, file, ranges, size)
  closeSync(file)
}

function sendRange(response: ServerResponse, file: number, [from, to]: Range, size: number): void {
  const headers = { 'content-length': to - from + 1, 'content-range': `bytes ${from}-${to}/${size}` }
  response.writeHead(206, headers).end(read(file, from, to - from + 1))
}

function sendRanges(response: ServerResponse, file: number, ranges: readonly Range[], size: number): void {
  const parts: Buffer[] = []
  for (const [from, to] of ranges) {
    parts.push(Buffer.from(`\r\n--${BOUNDARY}\r\ncontent-range: bytes ${from}-${to}/${size}\r\n\r\n`))
    parts.push(read(file, from, to - from + 1))
  }
  const body = Buffer.concat([...parts, Buffer.from(`\r\n--${BOUNDARY}--\r\n`)])
  const type = `multipart/byteranges; boundary=${BOUNDARY}`
  response.writeHead(206, { 'content-type': type, 'content-length': body.length }).end(body)
}

type Range = readonly [from: number, to: number]

function rangesOf(header: string | undefined, size: number): Range[] | undefined {
  const list = /^bytes=([\d,\s-]+)$/.exec(header ?? '')?.[1]
  if (list === undefined) return undefined
  return list.split(',').map((part): Range => {
    const [from, to] = part.trim().split('-')
    return [Number(from), to === '' ? size - 1 : Math.min(Number(to), size - 1)]
  })
}

function read(file: number, from: number, length: number): Buffer {
  const bytes = Buffer.allocUnsafe(length)
  for (let at = 0; at < length; ) at += readSync(file, bytes, at, length - at, from + at)
  return bytes
}
