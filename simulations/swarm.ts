import { type Random, seededRandom } from '../protocols/ports.ts'
import { VirtualClock } from './clock.ts'
import { Network } from './network.ts'
import { VirtualNode, type World } from './node.ts'
import type { NodePlan, SwarmImage } from './plan.ts'

export interface SwarmInit {
  readonly seed: number
  readonly image: SwarmImage
  readonly nodes: readonly NodePlan[]
  /** One way between any two nodes. */
  readonly latencyMs?: number
  /** To read and pack a frame, and again to unpack and write it. */
  readonly frameMs?: number
  /** How long a node that joins, or seeks, takes to find the others. */
  readonly findMs?: number
  /** Sessions that a node opens, the one with the builder included. */
  readonly sessionsMax?: number
  /** The simulation ends when all are done, or then. */
  readonly untilMs?: number
}

export interface NodeResult {
  readonly name: string
  /** When it had the image; undefined: never, or it did not want it. */
  readonly finishedAtMs: number | undefined
  /** Bytes of blocks by the peer that they came from, once and again. */
  readonly bytesFrom: Readonly<Record<string, number>>
  readonly duplicatesFrom: Readonly<Record<string, number>>
  /** Bytes of blocks that it sent, wherever they went. */
  readonly sentBytes: number
  readonly dropped: readonly { readonly peer: string; readonly reason: string; readonly atMs: number }[]
}

export interface SwarmResult {
  readonly nodes: readonly NodeResult[]
  readonly endedAtMs: number
  /** Events that the clock ran: what the simulation cost. */
  readonly events: number
}

/** Plays one distribution of one image. The same init gives the same result. */
export function simulateSwarm(init: SwarmInit): SwarmResult {
  const { findMs = 50, sessionsMax = 24, untilMs = 3_600_000 } = init
  const clock = new VirtualClock()
  const network = new Network(clock, init.latencyMs ?? 0.5)
  const random = seededRandom(init.seed)
  const nodes: VirtualNode[] = []
  let open = 0
  const seek = (node: VirtualNode): void => clock.after(findMs, () => meet(node, nodes, sessionsMax, random))
  const over = (): void => {
    open--
  }
  const world: World = { clock, network, image: init.image, frameMs: init.frameMs ?? 1, seek, over }
  init.nodes.forEach((plan, i) => {
    const node = new VirtualNode(world, plan, seededRandom((init.seed ^ Math.imul(i + 1, 0x9e3779b1)) >>> 0))
    nodes.push(node)
    if (node.wants) open++
    clock.after(plan.joinsAtMs ?? 0, () => {
      node.join()
      seek(node)
    })
    const { fault } = plan
    if (fault?.kind === 'crash' || fault?.kind === 'vanish') {
      clock.after(fault.atMs, () => node.end(fault.kind === 'vanish'))
    }
  })
  const events = clock.run(untilMs, () => open === 0)
  return { nodes: nodes.map(resultOf), endedAtMs: clock.now(), events }
}

/** A node finds the others, and those of them that looked around before and have room for one more find it. */
function meet(node: VirtualNode, nodes: readonly VirtualNode[], sessionsMax: number, random: Random): void {
  if (node.gone) return
  node.met = true
  const others = shuffled(
    nodes.filter((other) => other !== node && other.joined && !other.gone),
    random,
  )
  // The builder is named by the record, whoever else is found.
  others.sort((a, b) => Number(b.plan.builder ?? false) - Number(a.plan.builder ?? false))
  for (const other of others) {
    if (node.fetches && node.sessions < sessionsMax) node.connect(other)
    if (other.fetches && other.met && other.sessions < sessionsMax) other.connect(node)
  }
}

function shuffled<T>(list: T[], random: Random): T[] {
  for (let i = list.length - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1))
    ;[list[i], list[j]] = [list[j]!, list[i]!]
  }
  return list
}

function resultOf({ name, finishedAt, taken, sentBytes }: VirtualNode): NodeResult {
  return {
    name,
    finishedAtMs: finishedAt,
    bytesFrom: Object.fromEntries(taken.bytes),
    duplicatesFrom: Object.fromEntries(taken.duplicateBytes),
    sentBytes,
    dropped: taken.dropped,
  }
}
