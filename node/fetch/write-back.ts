import { open } from 'node:fs/promises'

/** So much is written before the disk is told to begin. */
export const WRITE_BACK_BYTES = 64 * 1024 * 1024

/**
 * Has an image's blocks written to the disk while others still arrive: else the end of a fetch would wait for all of them.
 * It is only ahead of time; that everything is on the disk, whoever completes the image sees to.
 */
export class WriteBack {
  readonly #path: string
  readonly #sync: (path: string) => Promise<void>
  #bytes = 0
  #working: Promise<void> | undefined

  /** @param sync resolves when what was written before is on the disk, or cannot be brought there */
  constructor(path: string, sync: (path: string) => Promise<void> = syncFile) {
    this.#path = path
    this.#sync = sync
  }

  /** So many more bytes were written into the file. */
  wrote(bytes: number): void {
    this.#bytes += bytes
    if (this.#bytes < WRITE_BACK_BYTES || this.#working !== undefined) return
    this.#bytes = 0
    this.#working = this.#sync(this.#path).finally(() => {
      this.#working = undefined
    })
  }
}

async function syncFile(path: string): Promise<void> {
  const file = await open(path, 'r').catch(() => undefined)
  // A disk that fails says so again when the image is completed.
  await file?.datasync().catch(() => {})
  await file?.close().catch(() => {})
}
