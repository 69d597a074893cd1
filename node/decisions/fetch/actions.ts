/** What a fetch begins with, and what its decisions come to. */
import type { Random } from '../../../protocols/ports.ts'
import type { Limiter } from '../rates.ts'
import type { Items } from './demand.ts'

export type DropReason = 'silent' | 'wrong-block'

/**
 * Set where nobody but the builder is known to have what is asked for: it may say that another worker is getting it.
 * `wishes` are other pieces of which the same holds, which would do as well.
 */
export type Claim = { readonly wishes: readonly number[] } | undefined

export type FetchAction =
  | {
      readonly do: 'get'
      readonly peer: string
      readonly request: number
      readonly items: readonly number[]
      readonly claim: Claim
      /** Others are to hear that this node is getting it, for them to have it from here. Of a claim the builder tells them. */
      readonly told: boolean
    }
  | { readonly do: 'cancel'; readonly peer: string; readonly request: number }
  | { readonly do: 'drop'; readonly peer: string; readonly reason: DropReason }
  /** Nobody known has what is wanted: look for more peers. */
  | { readonly do: 'seek' }
  /** Everything wanted is here, and no more will be wanted. */
  | { readonly do: 'done' }

export interface FetchInit {
  readonly items: Items
  /** This node's own name, among those of the peers. */
  readonly self?: string
  /** Where this node stands; undefined: it does not know. */
  readonly rack?: string | undefined
  readonly random: Random
  readonly rateDownBytes?: number | undefined
  /** In place of rateDownBytes, where it is shared with other fetches. */
  readonly limiter?: Limiter | undefined
  /** Until then the builder is not asked, so that peers with the same blocks can be found first; `settled` ends it. */
  readonly builderFromMs?: number
  /** How many bytes each stands for, in a simulation of coarse frames: by how much smaller windows begin. */
  readonly grain?: number
}

/** What became of each item of a request, in the request's order. */
export const ITEM_GOOD = 1
export const ITEM_WRONG = 2
export const ITEM_MISSING = 3
