/**
 * Which hosts begin with an image before anybody knows where its jobs will run: one of each rack, so that the image crosses
 * a rack's uplink once. Pure.
 *
 * The host with the highest score for the image is taken (rendezvous hashing): every scheduler's node chooses the same
 * one, images are spread evenly over a rack, and a host that comes or goes moves only the images that it gets or had.
 */

/**
 * @param image its name, without a builder
 * @param racks hosts of each; an empty one has no seed
 * @returns one host a rack, each once, in the order of the racks
 */
export function seedsOf(image: string, racks: readonly (readonly string[])[]): string[] {
  const seeds = new Set<string>()
  for (const rack of racks) {
    const seed = seedOf(image, rack)
    if (seed !== undefined) seeds.add(seed)
  }
  return [...seeds]
}

function seedOf(image: string, rack: readonly string[]): string | undefined {
  let best: string | undefined
  let most = -1
  for (const host of rack) {
    const score = scoreOf(`${image} ${host}`)
    // Hosts of the same score are told apart by name: the order of the list does not count.
    if (score > most || (score === most && best !== undefined && host < best)) [best, most] = [host, score]
  }
  return best
}

/** FNV-1a over 32 bits, then the last steps of MurmurHash3, without which names that differ at their end score alike. */
function scoreOf(text: string): number {
  let hash = 0x811c9dc5
  for (let at = 0; at < text.length; at++) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193)
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return (hash ^ (hash >>> 16)) >>> 0
}
