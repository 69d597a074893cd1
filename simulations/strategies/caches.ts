/**
 * Several caches, as Squid or a registry's mirrors: some nodes get the file from the builder and hand it on while it
 * comes (collapsed forwarding); all others get it from a cache, in their own rack where there is one. A client that a
 * cache lets down takes another, the one that serves the fewest, and at last the builder.
 */
import type { Cluster } from '../cluster.ts'
import type { Process, Run, Strategy } from '../run.ts'
import { fileQuantumMs } from './files.ts'
import { Streams } from './streams.ts'

const RETRY_MS = 1_000
const CACHES_DEFAULT = 8

/** @param count undefined: one a rack, or 8 where there is one rack */
export function caches(count?: number): Strategy {
  return {
    name: 'caches',
    wholeFiles: true,
    quantumMs: (cluster) => {
      const many = placesOf(cluster, count).length
      return fileQuantumMs(cluster, Math.max(1, many, cluster.hosts.length / Math.max(1, many)))
    },
    begin: (run) => begin(run, placesOf(run.cluster, count)),
  }
}

/** The hosts that are caches: nodes that are there earliest and do not end, spread over the racks. */
function placesOf({ hosts, racks }: Cluster, given: number | undefined): number[] {
  const nodes = hosts.filter(({ builder, wants, complete }) => !builder && (wants || complete))
  const byRack = racks.map((_, rack) => {
    return nodes.filter((host) => host.rack === rack).toSorted((a, b) => a.joinsAtMs - b.joinsAtMs || a.index - b.index)
  })
  const used = byRack.filter((inside) => inside.length > 0)
  const count = Math.min(nodes.length, given ?? (used.length > 1 ? used.length : CACHES_DEFAULT))
  const places: number[] = []
  for (let turn = 0; places.length < count; turn++) {
    for (const inside of used) {
      const host = inside[turn]
      if (host !== undefined && places.length < count) places.push(host.index)
    }
  }
  return places
}

function begin(run: Run, places: readonly number[]): Process {
  const { hosts } = run.cluster
  const isCache = new Set(places)
  /** Caches that let a client down. */
  const failed = new Map<number, Set<number>>()
  const download = (host: number): void => {
    if (!streams.files.isWaiting(host)) return
    const source = isCache.has(host) ? 0 : cacheOf(host)
    if (streams.files.here[source] === 1) streams.begin(source, host)
    else run.clock.after(RETRY_MS, () => download(host))
  }
  /** The builder where no cache is left. */
  const cacheOf = (host: number): number => {
    const bad = failed.get(host)
    const there = places.filter((cache) => streams.files.here[cache] === 1 && bad?.has(cache) !== true)
    const near = there.filter((cache) => hosts[cache]!.rack === hosts[host]!.rack)
    let best: number | undefined
    for (const cache of near.length > 0 ? near : there) {
      if (best === undefined || streams.serves(cache) < streams.serves(best)) best = cache
    }
    return best ?? 0
  }
  const streams: Streams = new Streams(run, {
    complete() {},
    lost(host, from) {
      failed.set(host, (failed.get(host) ?? new Set()).add(from))
      run.clock.after(RETRY_MS, () => download(host))
    },
  })
  return {
    joined(host) {
      streams.joined(host)
      // Who comes at the same moment finds the caches there, whatever the order.
      run.clock.after(0, () => download(host))
    },
    left: (host, silently) => streams.left(host, silently),
    inspect: () => streams.inspect(),
  }
}
