/** What of the cache goes when it is too large. Pure. */

export interface Evictable {
  readonly key: string
  readonly parent: string
  readonly bytes: number
  /** Milliseconds; when a build last used it. */
  readonly usedAt: number
}

/**
 * Least recently used first; none that is in use, none that another is made on (a layer is nothing without those below).
 * @returns keys, in the order in which they can go
 */
export function evictions(stages: readonly Evictable[], bytesMax: number, inUse: ReadonlySet<string>): string[] {
  const left = new Map(stages.map((stage) => [stage.key, stage]))
  let bytes = stages.reduce((sum, stage) => sum + stage.bytes, 0)
  const gone: string[] = []
  while (bytes > bytesMax) {
    const parents = new Set([...left.values()].map(({ parent }) => parent))
    const [oldest] = [...left.values()]
      .filter(({ key }) => !parents.has(key) && !inUse.has(key))
      .sort((a, b) => a.usedAt - b.usedAt || (a.key < b.key ? -1 : 1))
    if (oldest === undefined) break
    left.delete(oldest.key)
    bytes -= oldest.bytes
    gone.push(oldest.key)
  }
  return gone
}
