import type { CID } from 'multiformats/cid'
import { newBits, setBit } from '../../protocols/bits.ts'
import type { ImageHoldings } from '../../protocols/blocks/server.ts'

type Listener = (held: number[], getting: number[]) => void

/** What this node has come to hold of an image that it is fetching, and who wants to know. */
export class PartialImage {
  readonly pieces: number
  readonly held: Uint8Array
  readonly getting: Uint8Array
  readonly listeners = new Set<Listener>()

  constructor(pieces: number) {
    this.pieces = pieces
    this.held = newBits(pieces)
    this.getting = newBits(pieces)
  }

  note(held: number[], getting: number[]): void {
    for (const piece of held) setBit(this.held, piece)
    for (const piece of getting) setBit(this.getting, piece)
    for (const listener of this.listeners) listener(held, getting)
  }
}

/** What the node can say of any image: all of it, the pieces that a running fetch has completed, or nothing. */
export class Holdings {
  readonly #partial = new Map<string, PartialImage>()
  readonly #waiting = new Map<string, Set<Listener>>()
  readonly #isComplete: (root: CID) => boolean

  constructor(isComplete: (root: CID) => boolean) {
    this.#isComplete = isComplete
  }

  /** A fetch of the image has begun. */
  begin(root: CID, pieces: number): PartialImage {
    const image = new PartialImage(pieces)
    const key = root.toString()
    for (const listener of this.#waiting.get(key) ?? []) image.listeners.add(listener)
    this.#partial.set(key, image)
    return image
  }

  end(root: CID): void {
    const key = root.toString()
    const image = this.#partial.get(key)
    if (image === undefined) return
    this.#partial.delete(key)
  }

  of(root: CID): ImageHoldings {
    const key = root.toString()
    const none = new Uint8Array(0)
    const subscribe = (listener: Listener): (() => void) => this.#subscribe(key, listener)
    if (this.#isComplete(root)) return { holds: 'all', pieces: 0, held: none, getting: none, subscribe }
    const image = this.#partial.get(key)
    if (image === undefined) return { holds: 'none', pieces: 0, held: none, getting: none, subscribe }
    return { holds: 'some', pieces: image.pieces, held: image.held, getting: image.getting, subscribe }
  }

  /** Others of those that subscribed hear what one of them is getting. */
  claimed(root: CID, pieces: readonly number[], except: Listener): void {
    for (const listener of this.#waiting.get(root.toString()) ?? []) if (listener !== except) listener([], [...pieces])
  }

  /** Also for an image whose fetch begins later: the session that asked early is told then. */
  #subscribe(key: string, listener: Listener): () => void {
    const waiting = this.#waiting.get(key) ?? new Set()
    waiting.add(listener)
    this.#waiting.set(key, waiting)
    this.#partial.get(key)?.listeners.add(listener)
    return () => {
      waiting.delete(listener)
      if (waiting.size === 0) this.#waiting.delete(key)
      this.#partial.get(key)?.listeners.delete(listener)
    }
  }
}
