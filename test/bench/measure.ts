/** What processes cost, read from /proc; Linux only. */
import { readFile, writeFile } from 'node:fs/promises'

/** Clock ticks a second of /proc/PID/stat on every Linux that Node runs on. */
const TICKS = 100

export interface Cost {
  /** Wall time, seconds. */
  readonly seconds: number
  /** Processor time of all given processes, seconds. */
  readonly cpuSeconds: number
  /** The most resident memory that any of them had meanwhile, bytes. */
  readonly rssBytes: number
}

/** Runs `work` and says what it cost these processes. */
export async function measure<T>(pids: readonly number[], work: () => Promise<T>): Promise<{ result: T; cost: Cost }> {
  for (const pid of pids) await resetPeak(pid)
  const before = await sum(pids, cpuSeconds)
  const startedAt = performance.now()
  const result = await work()
  const seconds = (performance.now() - startedAt) / 1000
  const after = await sum(pids, cpuSeconds)
  const peaks = await Promise.all(pids.map(peakBytes))
  return { result, cost: { seconds, cpuSeconds: after - before, rssBytes: Math.max(...peaks) } }
}

/** Processor time of a process so far. */
export async function cpuSeconds(pid: number): Promise<number> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8')
  // The name of the command, in brackets, may have spaces in it.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return (Number(fields[11]) + Number(fields[12])) / TICKS
}

/** The most resident memory that it had since resetPeak. */
export async function peakBytes(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8')
  return Number(/^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1]) * 1024
}

async function resetPeak(pid: number): Promise<void> {
  await writeFile(`/proc/${pid}/clear_refs`, '5')
}

async function sum(pids: readonly number[], of: (pid: number) => Promise<number>): Promise<number> {
  const values = await Promise.all(pids.map(of))
  return values.reduce((total, value) => total + value, 0)
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2
}
