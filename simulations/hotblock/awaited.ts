/**
 * Items that a node passes on while they still come to it. A coarse frame stands for many: the first of them can be passed
 * on long before the last is there, and the last of them follows when it has come.
 */

export class Awaited {
  readonly #runs = new Map<number, (() => void)[]>()

  /** Once all these items are here, of which there is one at least. */
  wait(items: readonly number[], run: () => void): void {
    let lacking = items.length
    const one = (): void => {
      if (--lacking === 0) run()
    }
    for (const item of items) {
      const runs = this.#runs.get(item)
      if (runs === undefined) this.#runs.set(item, [one])
      else runs.push(one)
    }
  }

  here(item: number): void {
    const runs = this.#runs.get(item)
    if (runs === undefined) return
    this.#runs.delete(item)
    for (const run of runs) run()
  }
}
