import { HotblockError } from '../protocols/errors.ts'
import type { Clock, Log } from '../protocols/ports.ts'
import type { RecordBook } from '../protocols/records/book.ts'
import type { RecordDht } from '../protocols/records/dht.ts'
import { parseWantedName } from '../protocols/records/name.ts'
import type { ImageRecord } from '../protocols/records/record.ts'

/** A node that has just started, or that has nobody to ask, is given this long to find its peers. */
const JOINING_MS = 10_000
const RETRY_MS = 200
/** Records cannot be kept on a disk with less room than this. */
const ROOM_BYTES = 1024 * 1024

export interface NamesInit {
  readonly book: RecordBook
  readonly dht: RecordDht
  readonly clock: Clock
  /** Bytes that the disk has left. */
  readonly freeBytes: () => Promise<number>
  /** Peers that the node is connected to. */
  readonly connections: () => number
  readonly log: Log
}

/** Finds the record of a name: among those that the node knows, else on the DHT. */
export class Names {
  readonly #init: NamesInit
  readonly #startedAt: number

  constructor(init: NamesInit) {
    this.#init = init
    this.#startedAt = init.clock.now()
  }

  /** What is known without asking anybody. @throws BAD_NAME, UNTRUSTED */
  known(name: string): ImageRecord | undefined {
    return this.#init.book.find(name)?.record
  }

  /**
   * @param name NAME, for the first trusted builder that has it, or NAME@BUILDER
   * @throws BAD_NAME, UNTRUSTED; NOT_FOUND where no trusted builder has published it, NO_PEERS where nobody could be asked,
   *   NO_SPACE where an answer could not be kept
   */
  async resolve(name: string, signal?: AbortSignal): Promise<ImageRecord> {
    const { book, clock, connections, freeBytes } = this.#init
    const wanted = parseWantedName(name)
    const builders = wanted.builder === undefined ? book.trusted : [wanted.builder]
    const askedAt = clock.now()
    for (;;) {
      const record = this.known(name) ?? (await this.#lookUp(name, wanted.name, builders, signal))
      if (record !== undefined) return record
      if ((await freeBytes()) < ROOM_BYTES) {
        throw new HotblockError('NO_SPACE', `the disk is too full to note what is said of ${name}`, { name })
      }
      const alone = connections() === 0
      if (clock.now() - (alone ? askedAt : this.#startedAt) >= JOINING_MS) throw notFound(name, builders, alone)
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS))
      signal?.throwIfAborted()
    }
  }

  async #lookUp(
    name: string,
    plain: string,
    builders: readonly string[],
    signal: AbortSignal | undefined,
  ): Promise<ImageRecord | undefined> {
    const { book, dht, log } = this.#init
    const options = signal === undefined ? {} : { signal }
    const found = await Promise.all(builders.map((builder) => dht.lookup(builder, plain, options)))
    for (const answer of found) {
      if (answer === undefined) continue
      try {
        await book.accept(answer.bytes)
      } catch (error) {
        log.debug({ name, error: String(error) }, 'a record of the DHT was not accepted')
      }
    }
    return this.known(name)
  }
}

function notFound(name: string, builders: readonly string[], alone: boolean): HotblockError {
  if (builders.length === 0)
    return new HotblockError('NOT_FOUND', `no image is called ${name}: no builder is trusted`, { name })
  if (!alone)
    return new HotblockError('NOT_FOUND', `no image is called ${name}: no trusted builder has published it`, { name })
  return new HotblockError('NO_PEERS', `${name} is not known here, and there is no peer to ask`, { name })
}
