/**
 * Which hosts begin with an image before anybody knows where its jobs will run: one of each rack, so that the image crosses
 * a rack's uplink once. Pure.
 *
 * The host with the highest score for the image is taken (rendezvous hashing): every scheduler's node chooses the same
 * one, images are spread evenly over a rack, and a host that comes or goes moves only the images that it gets or had.
 */

import { hashOf, mix } from './rendezvous.ts'

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
    const score = mix(hashOf(`${image} ${host}`))
    // Hosts of the same score are told apart by name: the order of the list does not count.
    if (score > most || (score === most && best !== undefined && host < best)) [best, most] = [host, score]
  }
  return best
}
