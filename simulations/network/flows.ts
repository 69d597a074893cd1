/** What is being sent, connection by connection: in columns, since all of it is gone through each quantum. */
import { FLOW_LINKS } from './fair.ts'

/** What is sent in one go. */
export interface Frame {
  readonly bytes: number
  readonly arrived: () => void
  /** Small messages that were sent right behind it; told who receives them. */
  followers: ((host: number) => void)[] | undefined
}

/** One way of a connection between two hosts. */
export class Connection {
  readonly from: number
  readonly to: number
  readonly queue: Frame[] = []
  readonly #flows: Flows
  closed = false
  /** Its place among the flows; -1 while nothing is to be sent. */
  at = -1
  /** Bytes that were sent until it was last taken from the flows. */
  restBytes = 0

  constructor(from: number, to: number, flows: Flows) {
    this.from = from
    this.to = to
    this.#flows = flows
  }

  /** Bytes of frames that went through, those of frames in part included. */
  get sentBytes(): number {
    return this.at < 0 ? this.restBytes : this.#flows.sent[this.at]!
  }
}

export class Flows {
  readonly connections: Connection[] = []
  /** FLOW_LINKS of each. */
  links = new Int32Array(1024 * FLOW_LINKS)
  /** Bytes a second. */
  rates = new Float64Array(1024)
  /** Bytes of its first frame that are still to be sent, and bytes that it has sent in all. */
  left = new Float64Array(1024)
  sent = new Float64Array(1024)

  get count(): number {
    return this.connections.length
  }

  /** @param bytes of its first frame */
  add(connection: Connection, bytes: number): void {
    const at = this.connections.length
    if (at === this.rates.length) {
      this.links = doubled(this.links)
      this.rates = doubled(this.rates)
      this.left = doubled(this.left)
      this.sent = doubled(this.sent)
    }
    connection.at = at
    this.connections.push(connection)
    this.rates[at] = 0
    this.left[at] = bytes
    this.sent[at] = connection.restBytes
  }

  remove(connection: Connection): void {
    const { at } = connection
    connection.restBytes = this.sent[at]!
    connection.at = -1
    const last = this.connections.pop()!
    if (last === connection) return
    const from = this.connections.length
    this.connections[at] = last
    last.at = at
    this.rates[at] = this.rates[from]!
    this.left[at] = this.left[from]!
    this.sent[at] = this.sent[from]!
    this.links.copyWithin(at * FLOW_LINKS, from * FLOW_LINKS, (from + 1) * FLOW_LINKS)
  }
}

function doubled<T extends Int32Array | Float64Array>(from: T): T {
  const to = from instanceof Int32Array ? new Int32Array(2 * from.length) : new Float64Array(2 * from.length)
  to.set(from)
  return to as T
}
