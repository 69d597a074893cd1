/**
 * Items that a node passes on while they still come to it. A coarse frame stands for many: the first of them can be passed
 * on long before the last is there, and the last of them follows when it has come.
 */
import type { VirtualNode } from './node.ts'

/**
 * Whether items that are only begun here still come. Nothing comes from nowhere, or by way of the client itself, as it
 * would where a sender went and its receivers ask each other.
 */
export function canPassOn(node: VirtualNode, items: readonly number[], client: VirtualNode): boolean {
  return items.every((item) => comes(node, item, new Set([client])))
}

/** @param seen who is not looked at (again) */
function comes(node: VirtualNode, item: number, seen: Set<VirtualNode>): boolean {
  if (seen.has(node) || node.gone) return false
  if (node.holding.has(item)) return true
  seen.add(node)
  for (const source of node.fetcher?.sourcesOf(item) ?? []) if (comes(source, item, seen)) return true
  return false
}

export class Awaited {
  readonly #runs = new Map<number, (() => void)[]>()

  /** Once all these items are here, of which there is one at least. */
  wait(items: readonly number[], run: () => void): void {
    let lacking = items.length
    const one = (): void => {
      if (--lacking === 0) run()
    }
    for (const item of items) {
      const runs = this.#runs.get(item)
      if (runs === undefined) this.#runs.set(item, [one])
      else runs.push(one)
    }
  }

  here(item: number): void {
    const runs = this.#runs.get(item)
    if (runs === undefined) return
    this.#runs.delete(item)
    for (const run of runs) run()
  }
}
