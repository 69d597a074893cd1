import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

/** Bytes that may lie there before they are collected. */
const LEFT_BYTES_MAX = 8 * 1024 * 1024

/** minor: what has just been made and left. major: everything, also what hangs on native handles. */
export type Collection = 'minor' | 'major'

let collect: ((options: { type: Collection }) => void) | undefined
let leftBytes = 0

/**
 * To be told how many bytes of buffers were left behind. zlib and Noise make new ones for each frame, and zlib's contexts are
 * freed only with their handles; V8 lets 64 MiB and more of them pile up in each thread before it looks, as they hardly
 * show in its own heap. A minor collection takes about a millisecond, a major one some more: a few in a thread whose heap
 * is small.
 */
export function leftBehind(bytes: number, type: Collection): void {
  leftBytes += bytes
  if (leftBytes < LEFT_BYTES_MAX) return
  leftBytes = 0
  collect ??= findCollector()
  collect({ type })
}

/**
 * Gives the memory of bytes back at once, if they have a buffer of their own: no collection has to find it. Nobody may
 * look at them any more.
 */
export function letGo(bytes: Uint8Array): void {
  const { buffer } = bytes
  // Node cuts small ones from a pool of that size, which others use too.
  const own = buffer instanceof ArrayBuffer && buffer.byteLength > Buffer.poolSize
  if (own && !buffer.detached) buffer.transfer(0)
}

function findCollector(): (options: { type: Collection }) => void {
  setFlagsFromString('--expose-gc')
  return runInNewContext('gc')
}
