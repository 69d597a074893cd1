/**
 * Binary tree, as scp-wave: whoever has the whole file copies it to one node after the other, so the number of sources
 * doubles each time. A copy that ends early goes on from another source, as rsync --append does. A source that lets a
 * node down rests for a while, and after the second time for good, unless it is the builder.
 */
import type { Process, Run, Strategy } from '../run.ts'
import { fileQuantumMs } from './files.ts'
import { SILENT_MS } from './pipes.ts'
import { Streams } from './streams.ts'

const REST_MS = 15_000
const FAILURES_MAX = 2

export const tree: Strategy = {
  name: 'tree',
  wholeFiles: true,
  quantumMs: (cluster) => fileQuantumMs(cluster, Math.log2(cluster.hosts.length + 1)),
  begin(run: Run): Process {
    /** Have the file and copy it to nobody; wait for a copy. Both in the order in which they came to it. */
    const sources: number[] = []
    const waiting: number[] = []
    const failures = new Map<number, number>()
    let matching = false
    const streams: Streams = new Streams(run, {
      complete(host, from) {
        offer(from)
        offer(host)
      },
      lost(host, from) {
        waiting.push(host)
        later()
        const times = (failures.get(from) ?? 0) + 1
        failures.set(from, times)
        if (times < FAILURES_MAX || from === 0) run.clock.after(REST_MS, () => offer(from))
      },
    })
    const offer = (host: number): void => {
      if (streams.files.here[host] === 1 && !sources.includes(host)) sources.push(host)
      later()
    }
    /** After all that happens at this moment. */
    const later = (): void => {
      if (matching) return
      matching = true
      run.clock.after(0, () => {
        matching = false
        match()
      })
    }
    const match = (): void => {
      while (sources.length > 0 && waiting.length > 0) {
        const host = waiting.shift()!
        if (streams.files.isWaiting(host)) streams.begin(sources.shift()!, host)
      }
    }
    return {
      joined(host) {
        streams.joined(host)
        if (streams.files.isComplete(host)) offer(host)
        else if (streams.files.isWaiting(host)) waiting.push(host)
        later()
      },
      left(host, silently) {
        const source = streams.source(host)
        streams.left(host, silently)
        // It writes in vain until it notices.
        if (source !== undefined) run.clock.after(silently ? SILENT_MS : 0, () => offer(source))
        const at = sources.indexOf(host)
        if (at >= 0) sources.splice(at, 1)
      },
      inspect: () => streams.inspect(),
    }
  },
}
