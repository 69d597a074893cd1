import type { Progress } from '../simulate.ts'
import type { Terminal } from './terminal.ts'

/** A bar over all strategies that are played. */
export interface Bar {
  update(progress: Progress): void
  stop(): void
}

export async function makeBar(terminal: Terminal): Promise<Bar> {
  const bar = await terminal.barOf('{strategy}  {bar}  {nodes}  {time} of its time')
  return {
    update({ strategy, number, of, completed, nodes, atSeconds }) {
      bar.update(number * nodes + completed, of * nodes, {
        strategy: `${number + 1}/${of} ${strategy}`.padEnd(19),
        nodes: `${completed} of ${nodes} nodes`,
        time: `${atSeconds.toFixed(1)} s`,
      })
    },
    stop: bar.stop,
  }
}
