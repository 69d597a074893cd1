/** Whom a peer serves: those that give it the most, and one at random (Cohen, Incentives Build Robustness, 2003). */
import { OPTIMISTIC_TURNS, SLOTS } from './constants.ts'
import type { Peer, Side } from './peer.ts'

/** @returns those that are to be served from now on */
export function rechoke(peer: Peer): Set<Side> {
  const interested = peer.sides.filter(isInterested)
  // A seed has nothing to gain: its slots go round.
  const order = shuffled(interested, peer)
  if (!peer.complete) order.sort((a, b) => b.receivedBytes - a.receivedBytes)
  const served = new Set(order.slice(0, SLOTS))
  const rest = order.slice(SLOTS)
  const keeps = peer.optimistic !== undefined && peer.turns % OPTIMISTIC_TURNS !== 0
  if (!(keeps && rest.includes(peer.optimistic!))) peer.optimistic = rest[Math.floor(peer.random() * rest.length)]
  if (peer.optimistic !== undefined) served.add(peer.optimistic)
  peer.turns++
  for (const side of peer.sides) side.receivedBytes = 0
  return served
}

/** @returns somebody who wants something and has no slot, where one is free; at random */
export function nextServed(peer: Peer): Side | undefined {
  let served = 0
  for (const side of peer.served) if (isInterested(side)) served++
  if (served > SLOTS) return undefined
  const { sides } = peer
  let at = Math.floor(peer.random() * sides.length)
  for (let i = 0; i < sides.length; i++, at = at + 1 === sides.length ? 0 : at + 1) {
    const side = sides[at]!
    if (!peer.served.has(side) && isInterested(side)) return side
  }
  return undefined
}

/** The other wants something of this one. */
function isInterested({ other, mirror }: Side): boolean {
  return other.here && other.wants(mirror)
}

function shuffled(sides: Side[], peer: Peer): Side[] {
  for (let i = sides.length - 1; i > 0; i--) {
    const j = Math.floor(peer.random() * (i + 1))
    const swapped = sides[i]!
    sides[i] = sides[j]!
    sides[j] = swapped
  }
  return sides
}
