import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

/** Bytes that may lie there before they are collected. */
const LEFT_BYTES_MAX = 8 * 1024 * 1024

/** What only the start needed is garbage by then. */
const STARTED_MS = 5_000
/** It takes the processor for some 100 ms. */
const COLLECT_MS = 60_000

/** minor: what has just been made and left. major: everything, also what hangs on native handles. */
export type Collection = 'minor' | 'major'

type Collect = (options: { type: Collection; flavor?: 'last-resort' }) => void

let collect: Collect | undefined
let leftBytes = 0

/**
 * To be told how many bytes of buffers were left behind. TLS and Noise make new ones for what comes, zlib's functions for each
 * frame, with contexts that are freed only with their handles; V8 lets 64 MiB and more of them pile up in each thread before it looks, as they hardly
 * show in its own heap. A minor collection takes about a millisecond, a major one some more: a few in a thread whose heap
 * is small.
 */
export function leftBehind(bytes: number, type: Collection): void {
  leftBytes += bytes
  if (leftBytes < LEFT_BYTES_MAX) return
  leftBytes = 0
  // What is being worked on now would be found in use, and kept for long.
  if (type === 'minor') process.nextTick(collectNow, type)
  else collectNow(type)
}

function collectNow(type: Collection): void {
  collect ??= findCollector()
  collect({ type })
}

/**
 * Has everything collected a moment after the start, and now and then: V8 does so by itself only when its heap has grown by
 * half. @returns ends that
 */
export function collectNowAndThen(startedMs = STARTED_MS): () => void {
  const timers = [setTimeout(collectAll, startedMs), setInterval(collectAll, COLLECT_MS)]
  for (const timer of timers) timer.unref()
  return () => {
    for (const timer of timers) clearTimeout(timer)
  }
}

/** Has everything collected now: after work that left much behind, and before what must not wait. */
export function collectAll(): void {
  collect ??= findCollector()
  // Of this kind, it also gives the pages back to the system.
  collect({ type: 'major', flavor: 'last-resort' })
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

function findCollector(): Collect {
  setFlagsFromString('--expose-gc')
  return runInNewContext('gc')
}
