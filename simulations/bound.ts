/**
 * No strategy can bring an image to all nodes of a cluster sooner than this.
 *
 * Where it comes from: take any set of hosts. The blocks that its members lack and that none of them has at the beginning
 * have to come in from outside, each once at least, and through the links that lead in. So the set is not done before
 * those links, from the moment on that somebody in it wants the image, have let so many bytes through. This is looked at
 * for each node by itself, for each rack (its uplink), and for all but the builder (whose link up has to pass once what
 * only it has); while a partition lasts nothing comes in. And all that nodes lack has to be sent by somebody: not
 * before all hosts' links up, each from its arrival on, can have carried it together.
 *
 * Bytes are those on the wire: blocks that a node has in other images, zeros and repeated blocks do not count, and
 * blocks are as small as compression makes them. Latency, discovery and the table are left out, and nodes that are
 * lost on the way need nothing. It may be that no strategy reaches it; that one is below it cannot be.
 */
import { getBit } from '../protocols/bits.ts'
import type { Cluster, Host, Partition, RateChange, SimImage } from './cluster.ts'

/** From `fromMs` on so many bytes a second can come through. */
interface Opening {
  readonly fromMs: number
  readonly bytesPerSecond: number
}

/** @returns seconds from the beginning; Infinity: never */
export function boundSeconds(cluster: Cluster): number {
  const { hosts, racks, image } = cluster
  const needy = hosts.filter(needsImage)
  if (needy.length === 0) return 0
  const lacks = new Lacks(image)
  let latest = capacitySeconds(cluster, needy, lacks)
  for (const host of needy) latest = Math.max(latest, setSeconds([host], hosts, [from(host, downRate(host))], lacks))
  const first = Math.min(...needy.map(({ joinsAtMs }) => joinsAtMs))
  const builder = hosts[0]!
  const others = hosts.slice(1)
  latest = Math.max(latest, setSeconds(others, hosts, [{ fromMs: first, bytesPerSecond: upRate(builder) }], lacks))
  racks.forEach(({ downBytes }, rack) => {
    if (!Number.isFinite(downBytes)) return
    const inside = hosts.filter((host) => host.rack === rack)
    latest = Math.max(latest, setSeconds(inside, hosts, uplink(cluster.rateChanges, rack, downBytes), lacks))
  })
  for (const partition of cluster.partitions) latest = Math.max(latest, partedSeconds(cluster, partition, first, lacks))
  return latest
}

/** Bytes on the wire that each of the hosts needs at least. */
export function neededBytes(image: SimImage, hosts: readonly Host[]): number[] {
  const lacks = new Lacks(image)
  return hosts.map((host) => lacks.ofAll([host]))
}

/** Wants the image, lacks it, and will be there to have it. */
function needsImage({ wants, complete, fault }: Host): boolean {
  return wants && !complete && fault?.kind !== 'crash' && fault?.kind !== 'vanish'
}

/**
 * What only the builder has can be on an island by the time it is cut off as far as the builder's link has let it out;
 * the rest has to reach each of the island's nodes after it heals.
 */
function partedSeconds(
  { hosts, partitions }: Cluster,
  { hosts: apart, fromMs, untilMs }: Partition,
  firstMs: number,
  lacks: Lacks,
): number {
  // Where a host is in two at a time, the first to end ends both.
  const others = partitions.filter((other) => other.fromMs < untilMs && other.untilMs > fromMs)
  if (apart.includes(0) || others.filter((other) => other.hosts.some((host) => apart.includes(host))).length > 1)
    return 0
  const bytes = lacks.ofAll(hosts.slice(1))
  const inside = apart.map((index) => hosts[index]!).filter(needsImage)
  return inside.reduce((latest, host) => {
    const openings = [
      { fromMs: 0, bytesPerSecond: upRate(hosts[0]!) },
      { fromMs, bytesPerSecond: 0 },
      { fromMs: untilMs, bytesPerSecond: downRate(host) },
    ]
    return Math.max(latest, throughSeconds(bytes, openings, firstMs))
  }, 0)
}

/** When the set has all that it lacks, with all of its members there from the beginning to give what they have. */
function setSeconds(inside: readonly Host[], all: readonly Host[], openings: readonly Opening[], lacks: Lacks): number {
  const needy = inside.filter(needsImage)
  if (needy.length === 0 || inside.length === all.length) return 0
  const first = Math.min(...needy.map(({ joinsAtMs }) => joinsAtMs))
  return throughSeconds(lacks.ofAll(inside), openings, first)
}

/** When so many bytes have come through, if they begin at `beginMs`. */
function throughSeconds(bytes: number, openings: readonly Opening[], beginMs: number): number {
  let left = bytes
  for (const [i, { fromMs, bytesPerSecond }] of openings.entries()) {
    const begin = Math.max(fromMs, beginMs)
    const end = openings[i + 1]?.fromMs ?? Number.POSITIVE_INFINITY
    if (left <= 0) return begin / 1000
    if (end <= begin) continue
    const seconds = left / bytesPerSecond
    if (begin / 1000 + seconds <= end / 1000) return begin / 1000 + seconds
    left -= (bytesPerSecond * (end - begin)) / 1000
  }
  return Number.POSITIVE_INFINITY
}

/** When the links up of all hosts, each from its arrival on, can have carried all that is needed. */
function capacitySeconds({ hosts }: Cluster, needy: readonly Host[], lacks: Lacks): number {
  let rate = 0
  const openings = hosts
    .toSorted((a, b) => a.joinsAtMs - b.joinsAtMs)
    .map((host) => {
      rate += upRate(host)
      return { fromMs: host.joinsAtMs, bytesPerSecond: rate }
    })
  const bytes = needy.reduce((sum, host) => sum + lacks.ofAll([host]), 0)
  return throughSeconds(bytes, openings, Math.min(...needy.map(({ joinsAtMs }) => joinsAtMs)))
}

function uplink(changes: readonly RateChange[], rack: number, downBytes: number): Opening[] {
  const later = changes.filter((change) => change.rack === rack).toSorted((a, b) => a.atMs - b.atMs)
  return [
    { fromMs: 0, bytesPerSecond: downBytes },
    ...later.map((change) => ({ fromMs: change.atMs, bytesPerSecond: change.downBytes })),
  ]
}

function from({ joinsAtMs }: Host, bytesPerSecond: number): Opening {
  return { fromMs: joinsAtMs, bytesPerSecond }
}

function downRate({ downBytes, rateDownBytes = Number.POSITIVE_INFINITY }: Host): number {
  return Math.min(downBytes, rateDownBytes)
}

function upRate({ upBytes, rateUpBytes = Number.POSITIVE_INFINITY }: Host): number {
  return Math.min(upBytes, rateUpBytes)
}

/** Bytes that sets of hosts lack; hosts of a group share their bits, so that few sums are worked out. */
class Lacks {
  readonly #image: SimImage
  readonly #known = new Map<string, number>()
  readonly #numbers = new Map<Uint8Array, number>()

  constructor(image: SimImage) {
    this.#image = image
  }

  /** What none of them has, on the wire. */
  ofAll(hosts: readonly Host[]): number {
    if (hosts.some(({ complete }) => complete)) return 0
    const sets = [...new Set(hosts.flatMap(({ hot }) => (hot === undefined ? [] : [hot])))]
    const key = sets
      .map((bits) => this.#number(bits))
      .sort((a, b) => a - b)
      .join()
    const known = this.#known.get(key)
    if (known !== undefined) return known
    const { lengths, wireRatio } = this.#image
    let bytes = 0
    for (let item = 0; item < lengths.length; item++) {
      if (!sets.some((bits) => getBit(bits, item))) bytes += lengths[item]!
    }
    this.#known.set(key, bytes * wireRatio)
    return bytes * wireRatio
  }

  #number(bits: Uint8Array): number {
    const number = this.#numbers.get(bits) ?? this.#numbers.size
    this.#numbers.set(bits, number)
    return number
  }
}
