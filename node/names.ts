import { HotblockError } from '../protocols/errors.ts'
import type { Log } from '../protocols/ports.ts'
import type { RecordBook } from '../protocols/records/book.ts'
import type { RecordDht } from '../protocols/records/dht.ts'
import { parseWantedName } from '../protocols/records/name.ts'
import type { ImageRecord } from '../protocols/records/record.ts'

/** Finds the record of a name: among those that the node knows, else on the DHT. */
export class Names {
  readonly #book: RecordBook
  readonly #dht: RecordDht
  readonly #log: Log

  constructor(init: { book: RecordBook; dht: RecordDht; log: Log }) {
    this.#book = init.book
    this.#dht = init.dht
    this.#log = init.log
  }

  /** What is known without asking anybody. @throws BAD_NAME, UNTRUSTED */
  known(name: string): ImageRecord | undefined {
    return this.#book.find(name)?.record
  }

  /**
   * @param name NAME, for the first trusted builder that has it, or NAME@BUILDER
   * @throws BAD_NAME, UNTRUSTED; NOT_FOUND where no trusted builder has published it
   */
  async resolve(name: string, signal?: AbortSignal): Promise<ImageRecord> {
    const known = this.known(name)
    if (known !== undefined) return known
    const wanted = parseWantedName(name)
    const builders = wanted.builder === undefined ? this.#book.trusted : [wanted.builder]
    const options = signal === undefined ? {} : { signal }
    const found = await Promise.all(builders.map((builder) => this.#dht.lookup(builder, wanted.name, options)))
    for (const answer of found) {
      if (answer === undefined) continue
      try {
        await this.#book.accept(answer.bytes)
      } catch (error) {
        this.#log.debug({ name, error: String(error) }, 'a record of the DHT was not accepted')
      }
    }
    const record = this.known(name)
    if (record !== undefined) return record
    const by = builders.length === 0 ? 'no builder is trusted' : `no trusted builder has published it`
    throw new HotblockError('NOT_FOUND', `no image is called ${name}: ${by}`, { name })
  }
}
