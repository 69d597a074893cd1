import progress from 'cli-progress'
import type { Progress } from '../simulate.ts'
import type { Output } from './terminal.ts'

/** A bar on standard error where that is a terminal, else nothing. */
export interface Bar {
  update(progress: Progress): void
  stop(): void
}

export function makeBar(output: Output): Bar {
  if (output.isTTY !== true) return { update() {}, stop() {} }
  const bar = new progress.SingleBar({
    stream: output as NodeJS.WriteStream,
    format: '{strategy}  {bar}  {nodes}  {time} of its time',
    barCompleteChar: '\u2588',
    barIncompleteChar: '\u2591',
    barsize: 20,
    hideCursor: true,
    clearOnComplete: true,
    gracefulExit: false,
  })
  let started = false
  return {
    update({ strategy, number, of, completed, nodes, atSeconds }) {
      const payload = {
        strategy: `${number + 1}/${of} ${strategy}`.padEnd(19),
        nodes: `${completed} of ${nodes} nodes`,
        time: `${atSeconds.toFixed(1)} s`,
      }
      const value = number * nodes + completed
      if (!started) bar.start(of * nodes, value, payload)
      started = true
      bar.update(value, payload)
    },
    stop() {
      if (started) bar.stop()
      started = false
    },
  }
}
