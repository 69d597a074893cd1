/** Virtual nodes have no will of their own: take a decision of the daemon away, and what it decides does not happen. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { Chooser } from '../../node/decisions/fetch/chooser.ts'
import { FetchMachine } from '../../node/decisions/fetch/machine.ts'
import { PeerBook } from '../../node/decisions/peer-book.ts'
import { ServeMachine } from '../../node/decisions/serve.ts'
import { Spread } from '../../node/decisions/spread.ts'
import { SwarmBook } from '../../node/decisions/swarm-book.ts'
import type { RunResult } from '../../simulations/run.ts'
import { clusterOf, playing } from '../support/scenarios.ts'

const NODES = 6

type Method<T> = { [K in keyof T]: T[K] extends (...args: never[]) => unknown ? K : never }[keyof T]

/** Plays five seconds while a decision always comes to the same. */
function playedWith<T extends object, K extends Method<T>>(decisions: T, decision: K, always: unknown): RunResult {
  const own = decisions[decision]
  decisions[decision] = (() => always) as T[K]
  try {
    return playing('hotblock', clusterOf({ groups: [{ name: 'node', nodes: NODES }], untilSeconds: 5 }))
  } finally {
    decisions[decision] = own
  }
}

function sentBytes({ hosts }: RunResult): number {
  return hosts.reduce((sum, host) => sum + host.sentBytes, 0)
}

test('with all decisions in place everybody has the image', () => {
  const run = playing('hotblock', clusterOf({ groups: [{ name: 'node', nodes: NODES }], untilSeconds: 5 }))
  assert.ok(run.hosts.slice(1).every(({ completedAtMs }) => completedAtMs !== undefined))
})

test('nobody is dialled whom PeerBook does not name', () => {
  assert.is(sentBytes(playedWith(PeerBook.prototype, 'next', [])), 0)
})

test('no session is taken that SwarmBook does not admit', () => {
  assert.is(sentBytes(playedWith(SwarmBook.prototype, 'admits', false)), 0)
})

test('nothing is sent that ServeMachine does not start', () => {
  assert.is(sentBytes(playedWith(ServeMachine.prototype, 'next', [])), 0)
})

test('nothing is asked of the builder that the chooser does not choose', () => {
  const run = playedWith(Chooser.prototype, 'rare', [])
  const other = playedWith(Chooser.prototype, 'fromBuilder', [])
  assert.ok(sentBytes(other) > 0)
  assert.ok(
    run.hosts[0]!.sentBytes > other.hosts[0]!.sentBytes,
    'without a choice of what is rare it is asked for anything',
  )
})

test('workers ask each other only for what the chooser chooses', () => {
  const run = playedWith(Chooser.prototype, 'from', [])
  assert.is(
    run.hosts.slice(1).reduce((sum, host) => sum + host.sentBytes, 0),
    0,
  )
})

test('a fetch does nothing with a peer that the machine does not say', () => {
  assert.is(sentBytes(playedWith(FetchMachine.prototype, 'peerOpened', [])), 0)
})

test('a piece goes out to several at a time only as Spread grants it', () => {
  const asIs = playing('hotblock', clusterOf({ groups: [{ name: 'node', nodes: NODES }], untilSeconds: 5 }))
  const run = playedWith(Spread.prototype, 'grant', undefined)
  assert.ok(run.hosts[0]!.sentBytes >= asIs.hosts[0]!.sentBytes)
})

test.run()
