/** What work costs all processes that take part in it: those that the bench started, and theirs. Linux only. */
import { readdirSync, readFileSync } from 'node:fs'

/** One run of one tool. */
export interface Sample {
  /** Wall time, seconds. */
  readonly wall: number
  /** Processor time of all processes, also of those that ended meanwhile, seconds. */
  readonly cpu: number
  /** The most resident memory of all processes together, bytes; pages that they share count for each. */
  readonly rss: number
  /** Bytes that came over the network, where the tool says so. */
  readonly wire?: number
}

/** Clock ticks a second of /proc/PID/stat on every Linux that Node runs on. */
const TICKS = 100
const PAGE_BYTES = 4096
/** Memory is looked at so often. What ends sooner has its memory counted only by chance. */
const LOOK_MS = 40

interface Stat {
  readonly pid: number
  readonly parent: number
  /** With that of children that ended and were waited for. */
  readonly ticks: number
  readonly ended: number
  readonly rss: number
}

/**
 * @param servers processes of the tool that run already; what else the bench has started before is left out
 * @param work what is measured; of what it starts, all counts
 */
export async function costOf<T>(
  servers: readonly number[],
  work: () => Promise<T>,
): Promise<{ result: T; sample: Sample }> {
  const others = new Set(childrenOf(process.pid).filter((pid) => !servers.includes(pid)))
  const family = (): Stat[] => descendants(others)
  const before = new Map(family().map((stat) => [stat.pid, stat.ticks]))
  const endedBefore = own().ended
  let rss = 0
  const look = (): void => {
    rss = Math.max(
      rss,
      family().reduce((sum, stat) => sum + stat.rss, 0),
    )
  }
  const timer = setInterval(look, LOOK_MS)
  const startedAt = performance.now()
  try {
    const result = await work()
    const wall = (performance.now() - startedAt) / 1000
    look()
    let ticks = own().ended - endedBefore
    // What a process used before is in the sum of those that ended, if it has ended meanwhile.
    const after = new Map(family().map((stat) => [stat.pid, stat.ticks]))
    for (const [pid, used] of after) ticks += used - (before.get(pid) ?? 0)
    for (const [pid, used] of before) if (!after.has(pid)) ticks -= used
    return { result, sample: { wall, cpu: ticks / TICKS, rss } }
  } finally {
    clearInterval(timer)
  }
}

function own(): Stat {
  return statOf(process.pid)!
}

function childrenOf(parent: number): number[] {
  return descendants(new Set())
    .filter((stat) => stat.parent === parent)
    .map(({ pid }) => pid)
}

/** All that descend from this process, without it, and without these and what descends from them. */
function descendants(without: ReadonlySet<number>): Stat[] {
  const children = new Map<number, Stat[]>()
  for (const name of readdirSync('/proc')) {
    const pid = Number(name)
    const stat = Number.isInteger(pid) ? statOf(pid) : undefined
    if (stat === undefined) continue
    const siblings = children.get(stat.parent)
    if (siblings === undefined) children.set(stat.parent, [stat])
    else siblings.push(stat)
  }
  const found: Stat[] = []
  const waiting = [process.pid]
  for (let pid = waiting.pop(); pid !== undefined; pid = waiting.pop()) {
    for (const stat of children.get(pid) ?? []) {
      if (without.has(stat.pid)) continue
      found.push(stat)
      waiting.push(stat.pid)
    }
  }
  return found
}

function statOf(pid: number): Stat | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8')
    // The name of the command, in brackets, may have spaces in it.
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
    const at = (i: number): number => Number(fields[i])
    const ended = at(13) + at(14)
    return { pid, parent: at(1), ticks: at(11) + at(12) + ended, ended, rss: at(21) * PAGE_BYTES }
  } catch {
    return undefined
  }
}
