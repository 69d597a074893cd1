/** From a scenario to the cluster that is played: everything drawn that it leaves to chance. Pure. */
import type { Table } from '../../protocols/table/table.ts'
import type { Cluster, Fault, Host, SimImage } from '../cluster.ts'
import { piecesOf } from '../image.ts'
import { arrivalsOf } from './arrivals.ts'
import { randomFor } from './draw.ts'
import { drawFaults, partitionsOfHosts, rateChangesOf } from './faults.ts'
import { autoGrain } from './grain.ts'
import { hotBits } from './hot.ts'
import { type Layout, layoutOf } from './layout.ts'
import { badScenario } from './read.ts'
import { distinctBytes, realImage } from './real-image.ts'
import type { Group, Scenario } from './schema.ts'
import type { Trace } from './swf.ts'

const SEGMENT_BYTES = 4 * 1024 * 1024

/** What a scenario names and does not hold itself. */
export interface Attached {
  /** By the name in the scenario. */
  readonly tables: ReadonlyMap<string, Table>
  readonly trace?: Trace | undefined
}

interface PlayedImage {
  readonly image: SimImage
  /** Real bytes over played ones. */
  readonly grain: number
  hotOf(group: Group): Uint8Array | undefined
}

/**
 * @param source what to call the scenario in messages
 * @throws BAD_SCENARIO where it makes no cluster: a rack that is not there, nobody who wants the image
 */
export function makeCluster(scenario: Scenario, seed: number, attached: Attached, source = scenario.name): Cluster {
  const layout = layoutOf(scenario)
  checkRacks(scenario, layout, source)
  const { image, grain, hotOf } = playedImage(scenario, seed, attached)
  const hosts = makeHosts(scenario, seed, attached, layout, grain, hotOf)
  if (!hosts.some(({ wants, complete }) => wants && !complete)) {
    throw badScenario(source, 'arrival: no node ever wants the image', 'arrival')
  }
  const { network, faults, load, untilSeconds } = scenario
  const racks = layout.racks.map((rack) => ({ ...rack, ...divided(rack, grain) }))
  return {
    image,
    hosts,
    racks,
    rackLatencyMs: network.rackLatencyMs,
    latencyMs: network.latencyMs,
    racksKnown: network.racksKnown && racks.length > 1,
    partitions: partitionsOfHosts(drawFaults(faults, layout.nodes, randomFor(seed, 'faults')).partitions),
    rateChanges: rateChangesOf(load, racks),
    grain,
    untilMs: untilSeconds * 1000,
  }
}

function makeHosts(
  scenario: Scenario,
  seed: number,
  { trace }: Attached,
  { nodes, builderRack }: Layout,
  grain: number,
  hotOf: PlayedImage['hotOf'],
): Host[] {
  const { network, builder, groups, faults: given, arrival, untilSeconds } = scenario
  const { faults, slower } = drawFaults(given, nodes, randomFor(seed, 'faults'))
  const coming = nodes.flatMap(({ group }, i) => (group.wants && group.joinsAtSeconds === undefined ? [i] : []))
  const times = arrivalsOf(arrival, coming.length, untilSeconds, trace, randomFor(seed, 'arrival'))
  const joins = new Map(coming.map((node, i) => [node, times[i]]))
  const hot = new Map(groups.map((group) => [group, hotOf(group)]))
  const first: Host = {
    index: 0,
    name: 'builder',
    rack: builderRack,
    builder: true,
    joinsAtMs: 0,
    hot: undefined,
    complete: true,
    wants: false,
    ...divided({ upBytes: builder.up ?? network.up, downBytes: builder.down ?? network.down }, grain),
    fault: builderFault(builder),
  }
  const others = nodes.map(({ name, group, rack, ...link }, i): Host => {
    const joinsAt = group.joinsAtSeconds ?? (joins.has(i) ? joins.get(i) : 0)
    return {
      index: i + 1,
      name,
      rack,
      builder: false,
      // A node that no job uses does not want the image, and has nothing to give.
      joinsAtMs: (joinsAt ?? 0) * 1000,
      hot: hot.get(group),
      complete: group.complete,
      wants: group.wants && joinsAt !== undefined,
      ...divided(link, grain * (slower.get(i) ?? 1)),
      rateUpBytes: group.rateUp === undefined ? undefined : group.rateUp / grain,
      rateDownBytes: group.rateDown === undefined ? undefined : group.rateDown / grain,
      fault: faults.get(i),
    }
  })
  return [first, ...others]
}

function builderFault({ diesAfterCopies, crashesAtSeconds }: Scenario['builder']): Fault | undefined {
  if (diesAfterCopies !== undefined) return { kind: 'after-copies', copies: diesAfterCopies }
  return crashesAtSeconds === undefined ? undefined : { kind: 'crash', atMs: crashesAtSeconds * 1000 }
}

function playedImage(scenario: Scenario, seed: number, { tables }: Attached): PlayedImage {
  const { image } = scenario
  if (image.table === undefined) return madeImage(scenario, seed)
  const table = tables.get(image.table)!
  const names = [...new Set(scenario.groups.flatMap(({ has }) => has ?? []))]
  const others = names.map((name) => tables.get(name)!)
  const wanted = grainOf(scenario, distinctBytes(table))
  const { hot, segments, ...played } = realImage(table, others, image.block, wanted)
  return {
    image: { ...played, ...piecesOf(played.lengths, segments), wireRatio: image.ratio },
    grain: Math.max(1, distinctBytes(table) / Math.max(1, played.blockBytes)),
    hotOf: ({ has, hot: part }) => {
      if (has !== undefined) return union(has.map((name) => hot[names.indexOf(name)]!))
      return drawnHot(part, played.lengths, seed)
    },
  }
}

/** An image of blocks of one length, the last one shorter. */
function madeImage(scenario: Scenario, seed: number): PlayedImage {
  const { size = 0, zero = 0, block, segment = SEGMENT_BYTES, ratio } = scenario.image
  const allBytes = Math.max(1, Math.round(size * (1 - zero)))
  const grain = grainOf(scenario, allBytes)
  const blockBytes = Math.max(1, Math.round(allBytes / grain))
  const count = Math.ceil(blockBytes / block)
  const lengths = new Uint32Array(count).fill(block)
  lengths[count - 1] = blockBytes - block * (count - 1)
  const segmentBlocks = Math.max(1, Math.round(segment / block))
  return {
    image: {
      lengths,
      ...piecesOf(
        lengths,
        Uint32Array.from({ length: count }, (_, item) => Math.floor(item / segmentBlocks)),
      ),
      segmentCount: Math.ceil(count / segmentBlocks),
      fileBytes: Math.max(blockBytes, Math.round(size / grain)),
      blockBytes,
      wireRatio: ratio,
    },
    grain,
    hotOf: ({ hot }) => drawnHot(hot, lengths, seed),
  }
}

function grainOf({ grain, groups }: Scenario, blockBytes: number): number {
  if (grain !== 'auto') return grain
  const wanting = groups.filter(({ wants, complete }) => wants && !complete)
  const nodes = wanting.reduce((sum, group) => sum + group.nodes, 0)
  const cold = wanting.reduce((sum, group) => sum + group.nodes * (1 - (group.hot ?? 0)), 0)
  return autoGrain(nodes, (blockBytes * cold) / Math.max(1, nodes), blockBytes)
}

/** Groups with the same part hot have the same blocks: those of the release before. */
function drawnHot(part: number | undefined, lengths: Uint32Array, seed: number): Uint8Array | undefined {
  return part === undefined || part === 0 ? undefined : hotBits(lengths, part, randomFor(seed, `hot ${part}`))
}

function union(sets: readonly Uint8Array[]): Uint8Array | undefined {
  if (sets.length === 0) return undefined
  return sets.reduce((all, bits) => all.map((byte, i) => byte | bits[i]!))
}

function checkRacks({ faults, load, builder }: Scenario, layout: Layout, source: string): void {
  const there = layout.racks.length
  const check = (rack: number, path: string): void => {
    if (rack < there) return
    throw badScenario(source, `${path}: there is no rack ${rack}; the racks are 0 to ${there - 1}`, path)
  }
  for (const [i, { racks = [] }] of faults.entries()) {
    for (const [j, rack] of racks.entries()) check(rack, `faults[${i}].racks[${j}]`)
  }
  for (const [i, { racks = [] }] of load.entries()) {
    for (const [j, rack] of racks.entries()) check(rack, `load[${i}].racks[${j}]`)
  }
  if (builder.rack !== undefined) check(builder.rack, 'builder.rack')
}

function divided(link: { readonly upBytes: number; readonly downBytes: number }, by: number) {
  return { upBytes: link.upBytes / by, downBytes: link.downBytes / by }
}
