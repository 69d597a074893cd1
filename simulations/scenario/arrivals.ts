/** When nodes come. Pure. */
import type { Random } from '../../protocols/ports.ts'
import { sample } from './draw.ts'
import type { Arrival, JobsArrival } from './events.ts'
import type { Trace } from './swf.ts'

/**
 * @param nodes how many there are
 * @param trace of an arrival by jobs
 * @returns for each node when it wants the image, seconds; undefined: never
 */
export function arrivalsOf(
  arrival: Arrival,
  nodes: number,
  untilSeconds: number,
  trace: Trace | undefined,
  random: Random,
): (number | undefined)[] {
  switch (arrival.kind) {
    case 'together':
      return new Array<number>(nodes).fill(0)
    case 'spread':
      return Array.from({ length: nodes }, () => random() * arrival.overSeconds)
    case 'waves':
      return wavesOf(arrival.waves, nodes, random)
    case 'jobs':
      return firstJobs(arrival, nodes, untilSeconds, trace!)
  }
}

/** Each wave has its share of the nodes; which ones is drawn. */
function wavesOf(
  waves: readonly { readonly atSeconds: number; readonly share: number }[],
  nodes: number,
  random: Random,
): number[] {
  const all = waves.reduce((sum, { share }) => sum + share, 0)
  const order = sample(
    Array.from({ length: nodes }, (_, node) => node),
    nodes,
    random,
  )
  const times = new Array<number>(nodes).fill(0)
  let share = 0
  let first = 0
  for (const wave of waves) {
    share += wave.share
    const end = Math.round((share / all) * nodes)
    for (const node of order.slice(first, end)) times[node] = wave.atSeconds
    first = end
  }
  return times
}

/**
 * Plays a trace on the nodes as a batch scheduler would: a job gets the first free ones, or where there are too few, as
 * in a trace of a larger cluster, those that are free next. A node wants the image when its first job with it begins.
 */
function firstJobs(arrival: JobsArrival, nodes: number, untilSeconds: number, trace: Trace): (number | undefined)[] {
  const { processorsPerNode, executable, queue, fromSeconds, speed } = arrival
  const wantsAt = new Array<number | undefined>(nodes).fill(undefined)
  const freeAt = new Float64Array(nodes)
  let without = nodes
  for (const job of trace.jobs) {
    const at = (job.startsAtSeconds - fromSeconds) / speed
    if (at < 0) continue
    if (at > untilSeconds || without === 0) break
    const usesImage =
      (executable === undefined || job.executable === executable) && (queue === undefined || job.queue === queue)
    for (const node of nodesFor(Math.min(nodes, Math.ceil(job.processors / processorsPerNode)), freeAt, at)) {
      freeAt[node] = Math.max(freeAt[node]!, at) + job.runSeconds / speed
      if (!usesImage || wantsAt[node] !== undefined) continue
      wantsAt[node] = at
      without--
    }
  }
  return wantsAt
}

function nodesFor(count: number, freeAt: Float64Array, at: number): number[] {
  const free: number[] = []
  for (let node = 0; node < freeAt.length && free.length < count; node++) if (freeAt[node]! <= at) free.push(node)
  if (free.length === count) return free
  const next = Array.from(freeAt.keys()).sort((a, b) => freeAt[a]! - freeAt[b]! || a - b)
  return next.slice(0, count)
}
