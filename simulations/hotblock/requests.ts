import type { VirtualNode } from './node.ts'

export interface Asked {
  readonly server: VirtualNode
  readonly items: readonly number[]
}

/** What a virtual node has asked for, and of whom. */
export class Requests {
  readonly #asked = new Map<number, Asked>()
  /** Answered, and not yet unpacked. */
  readonly #unpacked = new Set<Asked>()

  has(request: number): boolean {
    return this.#asked.has(request)
  }

  add(request: number, asked: Asked): void {
    this.#asked.set(request, asked)
  }

  /** The answer is here, to be unpacked. */
  answered(request: number): Asked | undefined {
    const asked = this.dropped(request)
    if (asked !== undefined) this.#unpacked.add(asked)
    return asked
  }

  unpacked(asked: Asked): void {
    this.#unpacked.delete(asked)
  }

  /** The request will not be answered. */
  dropped(request: number): Asked | undefined {
    const asked = this.#asked.get(request)
    this.#asked.delete(request)
    return asked
  }

  /** Who was asked for the item and may still send it. */
  *sourcesOf(item: number): Generator<VirtualNode> {
    for (const { server, items } of this.#asked.values()) if (items.includes(item)) yield server
    for (const { server, items } of this.#unpacked) if (items.includes(item)) yield server
  }
}
