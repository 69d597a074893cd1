import { destination, type Logger, levels, pino } from 'pino'
import type { LogLevel } from './config.ts'
import { printable } from './printable.ts'

export type { Logger } from 'pino'

/** What a log is written to. */
export interface LogTarget {
  readonly isTTY?: boolean | undefined
  write(text: string): unknown
}

// These are in every line for machines; people see time, level and message.
const NOT_SHOWN = new Set(['level', 'time', 'pid', 'hostname', 'msg', 'err'])

/**
 * A logger: one JSON line an event, or, where the target is a terminal, one readable line.
 *
 * @param target a stream, or undefined for the process's standard error
 */
export function createLogger(level: LogLevel, target?: LogTarget): Logger {
  if (target === undefined) return pino({ level }, destination({ dest: 2, sync: true }))
  if (target.isTTY !== true) return pino({ level }, { write: (line) => void target.write(line) })
  return pino({ level }, { write: (line) => void target.write(`${readableLine(line)}\n`) })
}

/** '12:55:41 info  fetched the image  name=bookworm bytes=123' from a JSON line. */
export function readableLine(line: string): string {
  const event = JSON.parse(line) as Record<string, unknown>
  const time = new Date(Number(event.time)).toISOString().slice(11, 19)
  const label = (levels.labels[Number(event.level)] ?? '?').padEnd(5)
  const rest = Object.entries(event)
    .filter(([key]) => !NOT_SHOWN.has(key))
    .map(([key, value]) => `${key}=${typeof value === 'string' ? value : JSON.stringify(value)}`)
  const failure = event.err as { message?: unknown } | undefined
  if (failure?.message !== undefined) rest.push(`error=${JSON.stringify(failure.message)}`)
  return printable([time, label, String(event.msg ?? ''), ...rest].join(' ').trimEnd())
}
