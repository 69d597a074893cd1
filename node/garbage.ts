import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

/** Bytes that may lie there before they are collected. */
const LEFT_BYTES_MAX = 8 * 1024 * 1024

type Collect = (options: { type: 'minor' }) => void

let collect: Collect | undefined
let leftBytes = 0

/**
 * To be told how many bytes of buffers were left behind. zlib and Noise make a new buffer for each frame; V8 lets 64 MiB and
 * more of them pile up in each thread before it looks, as they hardly show in its own heap, and then marks that whole
 * heap to find them: a third of a fetch's processor time. A minor collection finds them in about a millisecond.
 */
export function leftBehind(bytes: number): void {
  leftBytes += bytes
  if (leftBytes < LEFT_BYTES_MAX) return
  leftBytes = 0
  collect ??= findCollector()
  collect({ type: 'minor' })
}

function findCollector(): Collect {
  setFlagsFromString('--expose-gc')
  return runInNewContext('gc') as Collect
}
