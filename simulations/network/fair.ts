/**
 * Max-min fair sharing: every flow gets as much as it can have without taking from a flow that has less. This is what
 * many TCP connections over shared links come to, and what the flow-level simulators of the field use (progressive
 * filling, Bertsekas and Gallager, Data Networks, 6.5.2).
 */

/** Links that one flow may pass: sender's, its rack's up, the receiver's rack's down, receiver's. */
export const FLOW_LINKS = 4
/** In a flow's row: no link there. */
export const NO_LINK = -1

/** Works out the rates of all flows at once; keeps its arrays between calls. */
export class FairShare {
  readonly #capacity: Float64Array
  readonly #left: Float64Array
  readonly #open: Int32Array
  /** First flow of each link in #flowsOf, and one more at the end. */
  readonly #first: Int32Array
  #flowsOf = new Int32Array(0)
  /** Links by what each of their open flows could have; a link's older entries are void. */
  readonly #heapShare: Float64Array
  readonly #heapLink: Int32Array
  readonly #heapAt: Int32Array
  #heapSize = 0

  /** @param capacity bytes a second of each link; may be changed between calls */
  constructor(capacity: Float64Array) {
    const links = capacity.length
    this.#capacity = capacity
    this.#left = new Float64Array(links)
    this.#open = new Int32Array(links)
    this.#first = new Int32Array(links + 1)
    this.#heapShare = new Float64Array(links)
    this.#heapLink = new Int32Array(links)
    this.#heapAt = new Int32Array(links).fill(-1)
  }

  /**
   * @param links FLOW_LINKS link numbers for each flow, NO_LINK where it passes fewer; every flow passes one at least
   * @param flows how many flows there are
   * @param rates where the rates go, bytes a second
   */
  share(links: Int32Array, flows: number, rates: Float64Array): void {
    this.#gather(links, flows)
    rates.fill(-1, 0, flows)
    while (this.#heapSize > 0) {
      const link = this.#heapLink[0]!
      const share = Math.max(0, this.#heapShare[0]!)
      for (let at = this.#first[link]!; at < this.#first[link + 1]!; at++) {
        const flow = this.#flowsOf[at]!
        if (rates[flow]! >= 0) continue
        rates[flow] = share
        for (let i = flow * FLOW_LINKS; i < (flow + 1) * FLOW_LINKS; i++) {
          const other = links[i]!
          if (other === NO_LINK || other === link) continue
          this.#left[other]! -= share
          if (--this.#open[other]! === 0) this.#remove(other)
          else this.#raise(other)
        }
      }
      this.#remove(link)
    }
  }

  /** Which flows pass which link, and what each link could give them. */
  #gather(links: Int32Array, flows: number): void {
    const end = flows * FLOW_LINKS
    if (this.#flowsOf.length < end) this.#flowsOf = new Int32Array(end * 2)
    this.#open.fill(0)
    for (let i = 0; i < end; i++) if (links[i]! !== NO_LINK) this.#open[links[i]!]!++
    let sum = 0
    for (let link = 0; link < this.#open.length; link++) {
      this.#first[link] = sum
      sum += this.#open[link]!
    }
    this.#first[this.#open.length] = sum
    const next = this.#first.slice()
    for (let i = 0; i < end; i++) {
      const link = links[i]!
      if (link !== NO_LINK) this.#flowsOf[next[link]!++] = (i / FLOW_LINKS) | 0
    }
    this.#left.set(this.#capacity)
    this.#heapSize = 0
    for (let link = 0; link < this.#open.length; link++) if (this.#open[link]! > 0) this.#insert(link)
  }

  // A heap in which each link stands once; as flows of others are settled, a link's share only ever grows.

  #insert(link: number): void {
    const at = this.#heapSize++
    this.#put(at, link, this.#left[link]! / this.#open[link]!)
    this.#up(at)
  }

  #raise(link: number): void {
    const at = this.#heapAt[link]!
    this.#heapShare[at] = this.#left[link]! / this.#open[link]!
    this.#down(at)
  }

  #remove(link: number): void {
    const at = this.#heapAt[link]!
    if (at < 0) return
    this.#heapAt[link] = -1
    const last = --this.#heapSize
    if (at === last) return
    this.#put(at, this.#heapLink[last]!, this.#heapShare[last]!)
    this.#down(at)
    this.#up(at)
  }

  #put(at: number, link: number, share: number): void {
    this.#heapLink[at] = link
    this.#heapShare[at] = share
    this.#heapAt[link] = at
  }

  #up(from: number): void {
    const link = this.#heapLink[from]!
    const share = this.#heapShare[from]!
    let at = from
    while (at > 0) {
      const parent = (at - 1) >> 1
      if (this.#heapShare[parent]! <= share) break
      this.#put(at, this.#heapLink[parent]!, this.#heapShare[parent]!)
      at = parent
    }
    this.#put(at, link, share)
  }

  #down(from: number): void {
    const link = this.#heapLink[from]!
    const share = this.#heapShare[from]!
    let at = from
    for (;;) {
      let child = 2 * at + 1
      if (child >= this.#heapSize) break
      if (child + 1 < this.#heapSize && this.#heapShare[child + 1]! < this.#heapShare[child]!) child++
      if (this.#heapShare[child]! >= share) break
      this.#put(at, this.#heapLink[child]!, this.#heapShare[child]!)
      at = child
    }
    this.#put(at, link, share)
  }
}
