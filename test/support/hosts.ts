/** Real hosts on 127.0.0.1 for tests. */
import { generateKeyPair } from '@libp2p/crypto/keys'
import type { PrivateKey } from '@libp2p/interface'
import { createHost, type Host, type HostInit } from '../../node/net/host.ts'

export const LOCAL = '/ip4/127.0.0.1/tcp/0'

export function newKey(): Promise<PrivateKey> {
  return generateKeyPair('Ed25519')
}

/** A host that is not started yet, so that protocols can be put on it. */
export async function newHost(init: Partial<HostInit> = {}): Promise<Host> {
  const privateKey = init.privateKey ?? (await newKey())
  return createHost({ listen: [LOCAL], bootstrap: [], agent: 'hotblock/test', ...init, privateKey })
}

/** Waits until the condition holds; it is the test's own time-out that fails. */
export async function until(condition: () => boolean | Promise<boolean>, what: string, ms = 10_000): Promise<void> {
  const end = performance.now() + ms
  while (!(await condition())) {
    if (performance.now() > end) throw new Error(`not within ${ms} ms: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

export function connect(from: Host, to: Host): Promise<unknown> {
  return from.libp2p.dial(to.libp2p.getMultiaddrs())
}
