import type { Output } from './environment.ts'
import { formatBytes } from './format.ts'

/** A progress bar; numbers are bytes, `label` says what is being done. */
export interface Bar {
  update(done: number, total: number, label: string, detail?: string): void
  stop(): void
}

const NO_BAR: Bar = { update() {}, stop() {} }

/** A bar on a terminal; one that shows nothing where `output` is none. It appears with the first update. */
export async function makeBar(output: Output): Promise<Bar> {
  if (output.isTTY !== true) return NO_BAR
  const { default: progress } = await import('cli-progress')
  const bar = new progress.SingleBar({
    stream: output as NodeJS.WriteStream,
    format: '{label}  {bar}  {percentage} %  {size}  {detail}',
    barCompleteChar: '\u2588',
    barIncompleteChar: '\u2591',
    barsize: 20,
    hideCursor: true,
    clearOnComplete: true,
    gracefulExit: false,
  })
  let started = false
  return {
    update(done, total, label, detail = '') {
      const size = `${formatBytes(done)} of ${formatBytes(total)}`
      const payload = { label: label.padEnd(7), size, detail }
      if (!started) bar.start(Math.max(1, total), done, payload)
      started = true
      bar.setTotal(Math.max(1, total))
      bar.update(done, payload)
    },
    stop() {
      if (started) bar.stop()
      started = false
    },
  }
}
