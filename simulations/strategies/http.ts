/**
 * One HTTP server: all nodes download the file from the builder at the same time and share its link, as TCP connections
 * do. A client whose connection ends goes on where it was (a range request), as curl --retry -C - does.
 */
import type { Process, Run, Strategy } from '../run.ts'
import { fileQuantumMs } from './files.ts'
import { Streams } from './streams.ts'

const RETRY_MS = 1_000

export const http: Strategy = {
  name: 'http',
  wholeFiles: true,
  quantumMs: (cluster) => fileQuantumMs(cluster, Math.max(1, cluster.hosts.length - 1)),
  begin(run: Run): Process {
    const download = (host: number): void => {
      if (streams.files.isWaiting(host) && streams.files.here[0] === 1) streams.begin(0, host)
    }
    const streams: Streams = new Streams(run, {
      complete() {},
      lost: (host) => run.clock.after(RETRY_MS, () => download(host)),
    })
    return {
      joined(host) {
        streams.joined(host)
        download(host)
      },
      left: (host, silently) => streams.left(host, silently),
      inspect: () => streams.inspect(),
    }
  },
}
