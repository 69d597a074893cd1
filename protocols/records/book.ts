/**
 * The records that a node knows and believes: one for each name of each trusted builder, the one with the highest
 * sequence. Kept in memory and in durable rows 'record/BUILDER/NAME'.
 */
import { HotblockError } from '../errors.ts'
import { type Log, silentLog } from '../ports.ts'
import { RECORDS_MAX } from './constants.ts'
import { parseWantedName } from './name.ts'
import { builderKey, type ImageRecord, label, openRecord, peekRecord } from './record.ts'

/** Durable rows; the node's store is one. */
export interface RecordRows {
  get(key: string): Uint8Array | undefined
  put(key: string, value: Uint8Array): Promise<void>
  list(prefix: string): { key: string; value: Uint8Array }[]
}

export interface HeldRecord {
  readonly record: ImageRecord
  /** As the builder signed it. */
  readonly bytes: Uint8Array
}

/** @param from the peer that the record came from; undefined where it was made or asked for here */
export type RecordListener = (held: HeldRecord, from: string | undefined) => void

export interface BookInit {
  readonly rows: RecordRows
  /** Peer ids of builders, the preferred first. */
  readonly trust: readonly string[]
  /** This node's own peer id, where it publishes: it believes its own records, and prefers them unless told otherwise. */
  readonly self?: string
  readonly log?: Log
  /** Milliseconds since the epoch. */
  readonly now?: () => number
}

const ROW_PREFIX = 'record/'

export class RecordBook {
  readonly #rows: RecordRows
  readonly #trust: readonly string[]
  readonly #now: () => number
  readonly #log: Log
  readonly #held = new Map<string, HeldRecord>()
  readonly #listeners = new Set<RecordListener>()

  private constructor(init: BookInit) {
    this.#rows = init.rows
    const self = init.self
    this.#trust = self === undefined || init.trust.includes(self) ? [...init.trust] : [self, ...init.trust]
    this.#now = init.now ?? Date.now
    this.#log = init.log ?? silentLog
  }

  /**
   * Opens the book and reads the rows again, each verified; rows of builders no longer trusted are left alone.
   * @throws BAD_CONFIG where `trust` names no builder
   */
  static async open(init: BookInit): Promise<RecordBook> {
    const book = new RecordBook(init)
    for (const builder of book.#trust) checkTrusted(builder)
    for (const { key, value } of init.rows.list(ROW_PREFIX)) {
      try {
        if (!book.trusts(peekRecord(value).builder)) continue
        const record = await openRecord(value, book.#now())
        if (rowOf(record.builder, record.name) === key) book.#held.set(key, { record, bytes: value })
      } catch (error) {
        book.#log.warn({ key, error: String(error) }, 'a stored record is damaged and is ignored')
      }
    }
    return book
  }

  /** Builders whose records are believed, the preferred first. */
  get trusted(): readonly string[] {
    return this.#trust
  }

  trusts(builder: string): boolean {
    return this.#trust.includes(builder)
  }

  /**
   * Takes a record in, if it is of a trusted builder, genuine and not older than what is known.
   * @param from the peer that sent it; listeners are told, so that news is not sent back
   * @returns the record, and whether it was news (false: known already, the same bytes)
   * @throws UNTRUSTED, STALE_RECORD, BAD_RECORD, BAD_NAME
   */
  async accept(bytes: Uint8Array, from?: string): Promise<{ record: ImageRecord; news: boolean }> {
    const claimed = peekRecord(bytes)
    const { builder, name, sequence } = claimed
    if (!this.trusts(builder)) {
      throw new HotblockError('UNTRUSTED', `${label(claimed)}: the builder is not trusted`, { builder, name, sequence })
    }
    const key = rowOf(builder, name)
    // What is known to the byte was verified when it came; nearly all that peers exchange is.
    const known = this.#held.get(key)
    if (known !== undefined && Buffer.compare(known.bytes, bytes) === 0) return { record: known.record, news: false }
    const record = await openRecord(bytes, this.#now())

    const before = this.#held.get(key)
    if (before !== undefined) {
      if (Buffer.compare(before.bytes, bytes) === 0) return { record: before.record, news: false }
      checkNewer(record, before.record)
    } else if (this.#held.size >= RECORDS_MAX) {
      throw new HotblockError('BAD_RECORD', `${label(record)} is one name too many: ${RECORDS_MAX} are kept`, {
        builder,
      })
    }
    const held = { record, bytes: Uint8Array.from(bytes) }
    this.#held.set(key, held)
    try {
      await this.#rows.put(key, held.bytes)
    } catch (error) {
      if (this.#held.get(key) === held) {
        if (before === undefined) this.#held.delete(key)
        else this.#held.set(key, before)
      }
      throw error
    }
    for (const listener of [...this.#listeners]) this.#tell(listener, held, from)
    return { record, news: true }
  }

  /**
   * @param wanted NAME, for the first trusted builder that has it, or NAME@BUILDER
   * @throws BAD_NAME; UNTRUSTED where a builder is named that is not trusted
   */
  find(wanted: string): HeldRecord | undefined {
    const { name, builder } = parseWantedName(wanted)
    if (builder !== undefined) {
      if (this.trusts(builder)) return this.held(builder, name)
      throw new HotblockError('UNTRUSTED', `${wanted}: builder ${builder} is not trusted`, { builder, name })
    }
    for (const trusted of this.#trust) {
      const held = this.held(trusted, name)
      if (held !== undefined) return held
    }
    return undefined
  }

  held(builder: string, name: string): HeldRecord | undefined {
    return this.#held.get(rowOf(builder, name))
  }

  /** All records, by preference of the builder, then by name. */
  list(): HeldRecord[] {
    const rank = new Map(this.#trust.map((builder, at) => [builder, at]))
    return [...this.#held.values()].sort((a, b) => {
      const byBuilder = (rank.get(a.record.builder) ?? 0) - (rank.get(b.record.builder) ?? 0)
      return byBuilder !== 0 ? byBuilder : a.record.name < b.record.name ? -1 : 1
    })
  }

  /** Calls the listener for each record that is news. @returns takes the listener off again */
  onChange(listener: RecordListener): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  #tell(listener: RecordListener, held: HeldRecord, from: string | undefined): void {
    try {
      listener(held, from)
    } catch (error) {
      this.#log.error({ error: String(error) }, 'a listener to records failed')
    }
  }
}

function checkNewer(record: ImageRecord, known: ImageRecord): void {
  const data = { builder: record.builder, name: record.name, sequence: record.sequence, known: known.sequence }
  if (record.sequence < known.sequence) {
    throw new HotblockError('STALE_RECORD', `${label(record)} is older than the known ${known.sequence}`, data)
  }
  if (record.sequence === known.sequence) {
    throw new HotblockError('STALE_RECORD', `${label(record)} says other things than the known one`, data)
  }
}

function checkTrusted(builder: string): void {
  try {
    builderKey(builder)
  } catch (error) {
    throw new HotblockError('BAD_CONFIG', `trust: ${builder} is no builder's peer id (Ed25519)`, { builder }, error)
  }
}

function rowOf(builder: string, name: string): string {
  return `${ROW_PREFIX}${builder}/${name}`
}
