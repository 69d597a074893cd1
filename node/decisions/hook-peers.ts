/** Which of the peers that hold an image's blocks in other images a fetch turns to. Pure. */
import type { Candidate } from './peer-book.ts'

/** Hook hashes of the cold blocks that are looked up, providers that each look-up may find, and peers that are then probed. */
const HOOKS_LOOKED_UP_MAX = 64
export const HOOK_PROVIDERS_MAX = 20
export const HOOK_PEERS_MAX = 8
/** So long the dials to these peers are waited for before the builder is asked. */
export const HOOK_DIALS_MS = 1_000

/** What to look up, spread over the whole image: what lies side by side is likely to be in the same places. */
export function hooksToLookUp<T>(hooks: readonly T[]): T[] {
  const step = Math.ceil(hooks.length / HOOKS_LOOKED_UP_MAX)
  return hooks.filter((_, i) => i % step === 0)
}

/** Who advertises a hook. */
export interface HookProvider {
  readonly peer: string
  readonly addresses: readonly string[]
}

/** Those that advertise the most of what was looked up, the most first. @param found the providers of each hook */
export function chooseHookPeers(found: Iterable<readonly HookProvider[]>): Candidate[] {
  const peers = new Map<string, { candidate: Candidate; hooks: number }>()
  for (const providers of found) {
    for (const { peer, addresses } of providers) {
      const known = peers.get(peer)
      if (known === undefined) peers.set(peer, { candidate: { peer, addresses, role: 'hook' }, hooks: 1 })
      else known.hooks++
    }
  }
  const ranked = [...peers.values()].sort((a, b) => b.hooks - a.hooks)
  return ranked.slice(0, HOOK_PEERS_MAX).map(({ candidate }) => candidate)
}
