/** What happened on the farm, for its log page: lines of JSON in a file of bounded size, the newest ones in memory. */
import { appendFile, readFile } from 'node:fs/promises'
import { z } from 'zod'
import { writeWhole } from '../../node/store/durable.ts'
import { Serial } from '../../node/store/serial.ts'
import type { Log } from '../../protocols/ports.ts'

export const EVENTS_MAX = 2000
const FILE_EVENTS_MAX = 2 * EVENTS_MAX

export const eventSchema = z.object({
  at: z.number().meta({ description: 'milliseconds since the epoch' }),
  kind: z.enum([
    'requested',
    'shared',
    'existing',
    'started',
    'stage',
    'ready',
    'failed',
    'cancelled',
    'interrupted',
    'deleted',
    'login',
  ]),
  text: z.string(),
  build: z.int().positive().optional(),
  key: z.string().optional(),
  name: z.string().optional(),
  who: z.string().optional(),
  seconds: z.number().optional(),
  hit: z.boolean().optional().meta({ description: 'of a stage: whether the cache had it' }),
})
export type FarmEvent = Readonly<z.infer<typeof eventSchema>>

export interface FarmEvents {
  /** Never fails. */
  add(event: Omit<FarmEvent, 'at'>): void
  /** Newest first. */
  list(): readonly FarmEvent[]
  /** What was added is on disk. */
  flushed(): Promise<void>
}

/** @param now milliseconds since the epoch */
export async function openEvents(path: string, log: Log, now: () => number): Promise<FarmEvents> {
  const { events, whole } = await read(path)
  const serial = new Serial()
  // A line that a crash has cut would spoil the next one: the file is written anew.
  let inFile = whole ? events.length : FILE_EVENTS_MAX
  const write = async (line: string): Promise<void> => {
    try {
      if (inFile >= FILE_EVENTS_MAX) {
        await writeWhole(path, Buffer.from(events.map((event) => `${JSON.stringify(event)}\n`).join('')), 0o644, true)
        inFile = events.length
      } else {
        await appendFile(path, line)
        inFile += 1
      }
    } catch (error) {
      log.warn({ error: String(error) }, 'an event of the farm was not written')
    }
  }
  return {
    add(event) {
      const added = { at: now(), ...event }
      events.push(added)
      if (events.length > EVENTS_MAX) events.shift()
      void serial.run(() => write(`${JSON.stringify(added)}\n`))
      log.info(event, `farm: ${event.kind}`)
    },
    list: () => events.toReversed(),
    flushed: () => serial.run(async () => {}),
  }
}

/** Lines that cannot be read are passed over. */
async function read(path: string): Promise<{ events: FarmEvent[]; whole: boolean }> {
  const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return ''
    throw error
  })
  const events = text.split('\n').flatMap((line) => parsed(line) ?? [])
  return { events: events.slice(-EVENTS_MAX), whole: text === '' || text.endsWith('\n') }
}

function parsed(line: string): FarmEvent | undefined {
  try {
    return eventSchema.parse(JSON.parse(line))
  } catch {
    return undefined
  }
}
