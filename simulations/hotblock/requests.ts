import type { VirtualNode } from './node.ts'

export interface Asked {
  readonly server: VirtualNode
  readonly items: readonly number[]
}

/** What a virtual node has asked for, and from whom it comes. */
export class Requests {
  readonly #asked = new Map<number, Asked>()
  readonly #coming = new Map<number, VirtualNode>()
  readonly #isCoarse: boolean

  /** @param isCoarse frames stand for many: items are passed on while they come, so where they come from is kept */
  constructor(isCoarse: boolean) {
    this.#isCoarse = isCoarse
  }

  has(request: number): boolean {
    return this.#asked.has(request)
  }

  add(request: number, asked: Asked): void {
    this.#asked.set(request, asked)
    if (this.#isCoarse) for (const item of asked.items) this.#coming.set(item, asked.server)
  }

  /** The answer is here; its items still come until they are unpacked and kept. */
  answered(request: number): Asked | undefined {
    const asked = this.#asked.get(request)
    this.#asked.delete(request)
    return asked
  }

  /** The items come no more: they are here, or will not be. */
  ended({ server, items }: Asked): void {
    for (const item of items) if (this.#coming.get(item) === server) this.#coming.delete(item)
  }

  /** The request will not be answered. */
  dropped(request: number): Asked | undefined {
    const asked = this.answered(request)
    if (asked !== undefined) this.ended(asked)
    return asked
  }

  /** Who was asked for the item last, unless that has ended. */
  sourceOf(item: number): VirtualNode | undefined {
    return this.#coming.get(item)
  }
}
