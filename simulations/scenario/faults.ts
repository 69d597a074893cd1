/** Who breaks, when and how; what else is on the links. Pure. */
import type { Random } from '../../protocols/ports.ts'
import type { Fault, Partition, RateChange } from '../cluster.ts'
import { sample } from './draw.ts'
import type { FaultGiven, LoadGiven } from './events.ts'
import type { Place, RackPlace } from './layout.ts'

export interface Faults {
  /** Of the node with this number. */
  readonly faults: ReadonlyMap<number, Fault>
  /** Rates of the node are divided by this. */
  readonly slower: ReadonlyMap<number, number>
  /** Of nodes, by number. */
  readonly partitions: readonly {
    readonly nodes: readonly number[]
    readonly fromMs: number
    readonly untilMs: number
  }[]
}

/** Draws who is hit. A node has one fault at most, but may be slow or cut off besides. */
export function drawFaults(given: readonly FaultGiven[], nodes: readonly Place[], random: Random): Faults {
  const faults = new Map<number, Fault>()
  const slower = new Map<number, number>()
  const partitions: Faults['partitions'][number][] = []
  for (const one of given) {
    switch (one.kind) {
      case 'slow':
        for (const node of hit(one, nodes, random)) slower.set(node, one.factor)
        break
      case 'partition':
        partitions.push({
          nodes: hit(one, nodes, random).sort((a, b) => a - b),
          fromMs: one.fromSeconds * 1000,
          untilMs: one.untilSeconds * 1000,
        })
        break
      default:
        for (const node of hit(one, nodes, random, faults)) faults.set(node, faultOf(one, random))
    }
  }
  return { faults, slower, partitions }
}

function faultOf(given: Exclude<FaultGiven, { kind: 'slow' | 'partition' }>, random: Random): Fault {
  if (given.kind === 'wrong') return { kind: 'wrong' }
  if (given.kind === 'stall') return { kind: 'stall', atMs: given.atSeconds * 1000 }
  return { kind: given.how, atMs: (given.atSeconds + random() * given.overSeconds) * 1000 }
}

function hit(
  { group, part, nodes: count, racks }: FaultGiven,
  nodes: readonly Place[],
  random: Random,
  spared: ReadonlyMap<number, unknown> = new Map(),
): number[] {
  const all = nodes.flatMap((place, number) => (group === undefined || place.group.name === group ? [number] : []))
  const candidates = all.filter((number) => !spared.has(number))
  if (racks !== undefined) return candidates.filter((number) => racks.includes(nodes[number]!.rack))
  return sample(candidates, count ?? Math.round(part! * all.length), random)
}

/** What is left of racks' uplinks over time; loads of the same time add up, and leave a hundredth at least. */
export function rateChangesOf(loads: readonly LoadGiven[], racks: readonly RackPlace[]): RateChange[] {
  const changes: RateChange[] = []
  racks.forEach(({ upBytes, downBytes }, rack) => {
    const on = loads.filter((load) => load.racks === undefined || load.racks.includes(rack))
    if (on.length === 0 || !Number.isFinite(upBytes)) return
    const moments = new Set(on.flatMap(({ fromSeconds, untilSeconds }) => [fromSeconds, untilSeconds ?? fromSeconds]))
    for (const at of [...moments].sort((a, b) => a - b)) {
      const taken = on
        .filter(({ fromSeconds, untilSeconds }) => fromSeconds <= at && at < (untilSeconds ?? Infinity))
        .reduce((sum, { part }) => sum + part, 0)
      const left = Math.max(0.01, 1 - taken)
      changes.push({ atMs: at * 1000, rack, upBytes: upBytes * left, downBytes: downBytes * left })
    }
  })
  return changes
}

export function partitionsOfHosts(partitions: Faults['partitions']): Partition[] {
  // The builder is host 0.
  return partitions.map(({ nodes, fromMs, untilMs }) => ({ hosts: nodes.map((node) => node + 1), fromMs, untilMs }))
}
