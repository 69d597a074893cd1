import { type Multiaddr, multiaddr } from '@multiformats/multiaddr'
import { HotblockError } from '../../protocols/errors.ts'

const HOSTS = new Set(['ip4', 'ip6', 'dns', 'dns4', 'dns6'])

/**
 * An address of this host's one transport: /ip4|ip6|dns…/…/tcp/PORT, with or without /p2p/PEER at its end.
 * @param setting for the message: listen or bootstrap
 * @throws BAD_CONFIG
 */
export function parseAddress(text: string, setting: string): Multiaddr {
  let address: Multiaddr
  let names: string[]
  try {
    address = multiaddr(text)
    names = address.getComponents().map((component) => component.name)
  } catch (error) {
    throw bad(text, setting, error)
  }
  const [host, transport, peer] = names
  if (host === undefined || !HOSTS.has(host) || transport !== 'tcp' || names.length > 3) throw bad(text, setting)
  if (peer !== undefined && peer !== 'p2p') throw bad(text, setting)
  return address
}

/** The peer id at the end of an address, if there is one. */
export function peerOf(address: Multiaddr): string | undefined {
  return address.getComponents().findLast((component) => component.name === 'p2p')?.value
}

function bad(address: string, setting: string, cause?: unknown): HotblockError {
  const message = `${setting}: ${JSON.stringify(address)} is not an address like /ip4/192.0.2.1/tcp/4001`
  return new HotblockError('BAD_CONFIG', message, { setting, address }, cause)
}
