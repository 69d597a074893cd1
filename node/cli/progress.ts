import type { Output } from './environment.ts'
import { formatBytes } from './format.ts'

/** A progress bar; numbers are bytes, `label` says what is being done. */
export interface Bar {
  update(done: number, total: number, label: string, detail?: string): void
  stop(): void
}

const NO_BAR = { update() {}, stop() {} }

/** A bar of any kind: `words` are those of its format. */
export interface FormatBar {
  update(done: number, total: number, words: Readonly<Record<string, string>>): void
  stop(): void
}

/**
 * A bar on a terminal; one that shows nothing where `output` is none. It appears with the first update.
 * @param format of cli-progress: {bar}, {percentage}, and words
 */
export async function formatBar(output: Output, format: string): Promise<FormatBar> {
  if (output.isTTY !== true) return NO_BAR
  const { default: progress } = await import('cli-progress')
  const bar = new progress.SingleBar({
    stream: output as NodeJS.WriteStream,
    format,
    barCompleteChar: '\u2588',
    barIncompleteChar: '\u2591',
    barsize: 20,
    hideCursor: true,
    clearOnComplete: true,
    gracefulExit: false,
  })
  let started = false
  return {
    update(done, total, words) {
      if (!started) bar.start(Math.max(1, total), done, words)
      started = true
      bar.setTotal(Math.max(1, total))
      bar.update(done, words)
    },
    stop() {
      if (started) bar.stop()
      started = false
    },
  }
}

export async function makeBar(output: Output): Promise<Bar> {
  const bar = await formatBar(output, '{label}  {bar}  {percentage} %  {size}  {detail}')
  return {
    update(done, total, label, detail = '') {
      const size = `${formatBytes(done)} of ${formatBytes(total)}`
      bar.update(done, total, { label: label.padEnd(7), size, detail })
    },
    stop: bar.stop,
  }
}
