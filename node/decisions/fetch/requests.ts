import { Demand, type Items } from './demand.ts'

/**
 * The requests of a node that wants these items and has a peer with all of them: what other nodes that want the same are
 * going to ask for. Pure.
 */
export function* requestsFor(items: Items, wants: (item: number) => boolean): Generator<number[]> {
  const demand = new Demand(items)
  for (let item = 0; item < items.lengths.length; item++) if (wants(item)) demand.want(item)
  const any = (): boolean => true
  for (let piece = 0; piece < items.pieceCount; piece++) {
    while (demand.isOpen(piece)) {
      const taken = demand.take(piece, any, any)
      if (taken.length === 0) break
      for (const item of taken) demand.done(item)
      yield taken
    }
  }
}
