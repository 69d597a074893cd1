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

/** Whether a slot is free for somebody who has just become interested. */
export function hasRoom(peer: Peer): boolean {
  let served = 0
  for (const side of peer.sides) if (side.unchoked && isInterested(side)) served++
  return served < SLOTS + 1
}

/** The other wants something of this one. */
function isInterested({ mirror }: Side): boolean {
  return mirror.wanted > 0
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
