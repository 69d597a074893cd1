/** Scores for rendezvous hashing: of those that could have a thing, whoever scores highest with it has it. Pure. */

/** FNV-1a of a text, 32 bits. Texts that differ at their end alone are alike: to be mixed before it is compared. */
export function hashOf(text: string): number {
  let hash = 0x811c9dc5
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193)
  return hash >>> 0
}

/** The finaliser of MurmurHash3: each bit of 32 changes about half of them. */
export function mix(hash: number): number {
  let x = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  x = Math.imul(x ^ (x >>> 13), 0xc2b2ae35)
  return (x ^ (x >>> 16)) >>> 0
}
