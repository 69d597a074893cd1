/**
 * The log of a build: a file of bounded size, and the newest lines in memory for those who follow it. A follower has no
 * buffer of its own, only a place; who is slower than the build is told how many lines were left out.
 */
import { createReadStream } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { stripVTControlCharacters } from 'node:util'
import { printable } from '../../node/printable.ts'

/** Of a file; what comes after it is only in memory, and its end is added when the log is closed. */
export const LOG_BYTES_MAX = 4 * 1024 * 1024
/** Lines in memory, and at most so many of a closed log are told. */
export const LOG_LINES_MAX = 2000
const LINE_CHARACTERS_MAX = 2000
const WRITE_DELAY_MS = 50

export interface LogLine {
  /** 1 for the first line of a build. */
  readonly number: number
  readonly text: string
}

export interface BuildLog {
  /** Adds a line; never fails: a log that cannot be written is no reason for a build to fail. */
  write(text: string): void
  /** The newest lines after `number`. */
  tail(number: number): LogLine[]
  /** Lines after `number` as they come, in batches, until the log is closed or `signal` aborts. */
  follow(number: number, signal: AbortSignal): AsyncGenerator<LogLine[]>
  /** Resolves when the log is closed and on disk. */
  readonly closed: Promise<void>
  /** Writes what is left. Idempotent. */
  close(): Promise<void>
}

/** Opens a log for more lines; the lines that it has are counted. */
export async function openBuildLog(path: string): Promise<BuildLog> {
  const before = await readBuildLog(path)
  const handle = await open(path, 'a', 0o644)
  let bytes = (await handle.stat()).size
  const lines: LogLine[] = [...before]
  let last = before.at(-1)?.number ?? 0
  let pending: string[] = []
  let leftOut = 0
  let timer: NodeJS.Timeout | undefined
  let writing = Promise.resolve()
  let closing: Promise<void> | undefined
  const { promise: closed, resolve: onDisk } = Promise.withResolvers<void>()
  let wake = Promise.withResolvers<void>()

  const flush = (): void => {
    timer = undefined
    const text = pending.join('')
    pending = []
    if (text !== '') writing = writing.then(() => append(handle, text))
  }
  const news = (): void => {
    wake.resolve()
    wake = Promise.withResolvers<void>()
  }
  const log: BuildLog = {
    write(text) {
      if (closing !== undefined) return
      for (const part of text.split('\n')) {
        const line = clean(part)
        last += 1
        lines.push({ number: last, text: line })
        if (lines.length > LOG_LINES_MAX) lines.shift()
        bytes += Buffer.byteLength(line) + 1
        if (bytes <= LOG_BYTES_MAX) pending.push(`${line}\n`)
        else leftOut += 1
      }
      timer ??= setTimeout(flush, WRITE_DELAY_MS)
      news()
    },
    tail: (number) => since(lines, number),
    async *follow(number, signal) {
      let at = number
      const aborted = new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }))
      while (!signal.aborted) {
        const woken = wake.promise
        const batch = since(lines, at)
        if (batch.length > 0) {
          at = batch.at(-1)?.number ?? at
          yield batch
        } else if (closing !== undefined) return
        else await Promise.race([woken, aborted])
      }
    },
    closed,
    close() {
      closing ??= (async () => {
        clearTimeout(timer)
        if (leftOut > 0) {
          const end = lines.slice(-Math.min(leftOut, LOG_LINES_MAX / 2))
          if (leftOut > end.length) pending.push(`… ${leftOut - end.length} lines were left out\n`)
          pending.push(...end.map(({ text }) => `${text}\n`))
        }
        flush()
        await writing
        await handle.close()
        onDisk()
      })()
      news()
      return closing
    },
  }
  return log
}

/** The newest lines of a log that nobody writes to; none where there is no log. */
export async function readBuildLog(path: string): Promise<LogLine[]> {
  const lines: LogLine[] = []
  let number = 0
  let rest = ''
  try {
    for await (const chunk of createReadStream(path, { encoding: 'utf8' })) {
      const parts = (rest + chunk).split('\n')
      rest = parts.pop() ?? ''
      for (const text of parts) {
        number += 1
        lines.push({ number, text })
      }
      if (lines.length > 2 * LOG_LINES_MAX) lines.splice(0, lines.length - LOG_LINES_MAX)
    }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
  }
  if (rest !== '') lines.push({ number: number + 1, text: rest })
  return lines.slice(-LOG_LINES_MAX)
}

function since(lines: readonly LogLine[], number: number): LogLine[] {
  const [first] = lines
  if (first === undefined) return []
  const found = lines.slice(Math.max(0, number + 1 - first.number))
  const missing = first.number - 1 - number
  if (missing <= 0 || number === 0) return found
  return [{ number: first.number - 1, text: `… ${missing} lines were left out` }, ...found]
}

function clean(text: string): string {
  const plain = printable(stripVTControlCharacters(text.toWellFormed()).replaceAll('\t', '  ').trimEnd())
  return plain.length > LINE_CHARACTERS_MAX ? `${plain.slice(0, LINE_CHARACTERS_MAX)}…` : plain
}

async function append(handle: FileHandle, text: string): Promise<void> {
  // A full disk ends the build by what it does to the image; its log keeps what it has.
  await handle.appendFile(text).catch(() => {})
}
