import { createServer } from 'node:net'
import { generateKeyPair, publicKeyToProtobuf } from '@libp2p/crypto/keys'
import { multiaddr } from '@multiformats/multiaddr'
import { MemoryDatastore } from 'datastore-core'
import { CID } from 'multiformats/cid'
import * as Digest from 'multiformats/hashes/digest'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { Host } from '../../node/net/host.ts'
import { HotblockError } from '../../protocols/errors.ts'
import { newHost, until } from '../support/hosts.ts'

const running: Host[] = []
const started = async (host: Host): Promise<Host> => {
  running.push(host)
  await host.start()
  return host
}

test.after.each(async () => {
  await Promise.all(running.splice(0).map((host) => host.stop()))
})

async function failureOf(promise: Promise<unknown>): Promise<HotblockError> {
  try {
    await promise
  } catch (error) {
    assert.instance(error, HotblockError)
    return error as HotblockError
  }
  throw new Error('it did not fail')
}

test('a port in use is named', async () => {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as { port: number }
  const address = `/ip4/127.0.0.1/tcp/${port}`
  try {
    const host = await newHost({ listen: [address] })
    const failure = await failureOf(host.start())
    assert.is(failure.code, 'LISTEN')
    assert.match(failure.message, address)
    assert.match(failure.message, 'in use')
    assert.is(failure.data.address, address)
  } finally {
    server.close()
  }
})

test('an address that is none is a bad setting, and named', async () => {
  for (const address of ['4001', '/ip4/127.0.0.1/udp/4001', '/ip4/300.0.0.1/tcp/1', '/ip4/127.0.0.1/tcp/1/ws', '']) {
    const listen = await failureOf(newHost({ listen: [address] }))
    assert.is(listen.code, 'BAD_CONFIG')
    assert.is(listen.data.address, address)
    const bootstrap = await failureOf(newHost({ bootstrap: [address] }))
    assert.is(bootstrap.data.setting, 'bootstrap')
  }
})

test('a key that is not Ed25519 is refused', async () => {
  const failure = await failureOf(newHost({ privateKey: await generateKeyPair('secp256k1') }))
  assert.is(failure.code, 'BAD_CONFIG')
})

test('hosts that share a bootstrap peer come to know each other', async () => {
  const first = await started(await newHost())
  const others = await Promise.all(
    Array.from({ length: 5 }, async () => started(await newHost({ bootstrap: [first.addresses()[0]!] }))),
  )
  for (const host of others) await until(() => host.libp2p.getPeers().length === 5, 'all other five are connected')
})

test('twelve hosts that start together come to know each other, in the routing table too', async () => {
  const first = await started(await newHost())
  const others = await Promise.all(
    Array.from({ length: 11 }, async () => started(await newHost({ bootstrap: [first.addresses()[0]!] }))),
  )
  // On the DHT a node knows those whom it has pinged; a walk asks no others.
  const known = async (host: Host): Promise<number> => {
    const answered = new Set<string>()
    for await (const event of host.dht.getClosestPeers(host.libp2p.peerId.toMultihash().bytes)) {
      if (event.name === 'PEER_RESPONSE') answered.add(event.from.toString())
    }
    return answered.size
  }
  for (const host of others) await until(async () => (await known(host)) === 11, 'a walk reaches all', 60_000)
})

test('a peer cannot fill the disk with provider records or public keys of kad-dht', async () => {
  const datastore = new MemoryDatastore()
  const host = await started(await newHost({ datastore }))
  const peer = await started(await newHost({ bootstrap: [host.addresses()[0]!] }))
  await until(() => host.libp2p.getPeers().length === 1, 'they are connected')
  const pk = Buffer.concat([Buffer.from('/pk/'), peer.libp2p.peerId.toMultihash().bytes])
  const bytes = publicKeyToProtobuf(peer.libp2p.peerId.publicKey!)
  const ask = async (events: AsyncIterable<{ name: string }>): Promise<Set<string>> => {
    const names = new Set<string>()
    try {
      for await (const { name } of events) names.add(name)
    } catch {
      // Its own datastore refuses as well.
    }
    return names
  }
  const rogue = peer.dht as unknown as {
    network: { sendMessage(to: unknown, message: object, options: object): never }
  }
  const provider = { id: peer.libp2p.peerId.toMultihash().bytes, multiaddrs: [multiaddr(peer.addresses()[0]!).bytes] }
  const cid = CID.createV1(0x55, Digest.create(0x12, new Uint8Array(32)))
  const path = { index: 0, queued: 0, running: 0, total: 0 }
  const add = { type: 'ADD_PROVIDER', key: cid.bytes, providers: [provider] }
  const sent = await ask(rogue.network.sendMessage(host.libp2p.peerId, add, { path }))
  assert.ok(sent.has('SEND_QUERY'))
  await ask(peer.dht.put(pk, bytes))
  await new Promise((resolve) => setTimeout(resolve, 200))
  for (const prefix of ['/dht/provider', '/dht/record']) {
    for await (const key of datastore.queryKeys({ prefix })) throw new Error(`${key} was stored`)
  }
})

test('remembered addresses that cannot be read do not stop a node', async () => {
  const load = (): string[] => {
    throw new Error('the store is damaged')
  }
  const host = await started(await newHost({ remembered: { load, save: () => {} } }))
  const other = await started(await newHost({ bootstrap: [host.addresses()[0]!] }))
  await until(() => other.libp2p.getPeers().length === 1, 'it answers')
})

test('a bootstrap address without a peer id will do, and one that answers late', async () => {
  const later = await newHost()
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as { port: number }
  await new Promise((resolve) => server.close(resolve))
  const host = await started(await newHost({ bootstrap: [`/ip4/127.0.0.1/tcp/${port}`] }))
  assert.is(host.libp2p.getPeers().length, 0)
  const first = await started(await newHost({ listen: [`/ip4/127.0.0.1/tcp/${port}`] }))
  await until(() => host.libp2p.getPeers().length === 1, 'the bootstrap peer is found when it comes up')
  assert.is(host.libp2p.getPeers()[0]!.toString(), first.peerId)
  await later.stop()
})

test('a restart works from remembered peers when the bootstrap peer is gone', async () => {
  let saved: string[] = []
  const remembered = {
    load: () => saved,
    save: (addresses: string[]) => {
      saved = addresses
    },
  }
  const bootstrap = await started(await newHost())
  const stays = await started(await newHost({ bootstrap: [bootstrap.addresses()[0]!] }))
  const init = { bootstrap: [bootstrap.addresses()[0]!], remembered }
  const node = await newHost(init)
  await node.start()
  await until(() => node.libp2p.getPeers().length === 2, 'it has both')
  await node.stop()
  assert.ok(saved.some((address) => address.endsWith(stays.peerId)))
  await bootstrap.stop()
  running.splice(running.indexOf(bootstrap), 1)

  const again = await started(await newHost(init))
  await until(() => again.libp2p.getPeers().length === 1, 'it finds the one that stayed')
  assert.is(again.libp2p.getPeers()[0]!.toString(), stays.peerId)
})

test('nothing to remember does not wipe what was remembered', async () => {
  let saves = 0
  const load = () => ['/ip4/127.0.0.1/tcp/1', 'rubbish']
  const save = () => {
    saves += 1
  }
  const host = await newHost({ remembered: { load, save } })
  await host.start()
  await host.stop()
  assert.is(saves, 0)
})

test.run()
