/** TLS between peers: who is let in, who is not, and that bytes arrive whole. Real sockets, in one process. */
import { randomBytes, X509Certificate } from 'node:crypto'
import { once } from 'node:events'
import { type AddressInfo, createServer, connect as tcpConnect } from 'node:net'
import { noise } from '@chainsafe/libp2p-noise'
import { generateKeyPair } from '@libp2p/crypto/keys'
import type { ConnectionEncrypter, PrivateKey, Stream } from '@libp2p/interface'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import { tcp } from '@libp2p/tcp'
import { yamux } from '@libp2p/yamux'
import { createLibp2p, type Libp2p } from 'libp2p'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { makeCredentials, peerOfCertificate } from '../../../node/net/tls/certificate.ts'
import { decodeAll, decodeParts, encode, TAG } from '../../../node/net/tls/der.ts'
import { TLS_PROTOCOL, tls } from '../../../node/net/tls/encrypter.ts'
import { newHost, until } from '../../support/hosts.ts'

type Encrypters = ((components: never) => ConnectionEncrypter)[]

const ECHO = '/echo/1.0.0'
const LISTEN = '/ip4/127.0.0.1/tcp/0'
const nodes: Libp2p[] = []

async function startNode(encrypters: Encrypters, privateKey?: PrivateKey): Promise<Libp2p> {
  const node = await createLibp2p({
    privateKey: privateKey ?? (await generateKeyPair('Ed25519')),
    addresses: { listen: [LISTEN] },
    transports: [tcp()],
    connectionEncrypters: encrypters as never,
    streamMuxers: [yamux()],
  })
  await node.handle(ECHO, async (stream: Stream) => {
    for await (const chunk of stream) if (!stream.send(chunk)) await stream.onDrain()
    await stream.close()
  })
  nodes.push(node)
  return node
}

function encryptionOf(node: Libp2p): (string | undefined)[] {
  return node.getConnections().map(({ encryption }) => encryption)
}

test.after(async () => {
  await Promise.all(nodes.map((node) => node.stop()))
})

test('two that know TLS use it, and each knows who the other is', async () => {
  const [a, b] = [await startNode([tls(), noise()]), await startNode([tls(), noise()])]
  const connection = await a.dial(b.getMultiaddrs())
  assert.equal(encryptionOf(a), [TLS_PROTOCOL])
  assert.ok(connection.remotePeer.equals(b.peerId))
  await until(() => b.getConnections().length === 1, 'the other side has the connection')
  assert.ok(b.getConnections()[0]!.remotePeer.equals(a.peerId))
})

test('with one that does not know TLS a connection has Noise, whoever dials', async () => {
  const [a, b] = [await startNode([tls(), noise()]), await startNode([noise()])]
  await a.dial(b.getMultiaddrs())
  assert.equal(encryptionOf(a), ['/noise'])
  await a.hangUp(b.peerId)
  await b.dial(a.getMultiaddrs())
  assert.equal(encryptionOf(b), ['/noise'])
})

test('a node whose setting turns TLS off has Noise with all others', async () => {
  const hosts = [await newHost({ tls: false }), await newHost(), await newHost()]
  try {
    for (const host of hosts) await host.start()
    const [off, on, alsoOn] = hosts
    assert.is((await on!.libp2p.dial(off!.libp2p.getMultiaddrs())).encryption, '/noise')
    assert.is((await on!.libp2p.dial(alsoOn!.libp2p.getMultiaddrs())).encryption, TLS_PROTOCOL)
  } finally {
    await Promise.all(hosts.map((host) => host.stop()))
  }
})

test('one that insists on TLS has no connection with one that only knows Noise', async () => {
  const [a, b] = [await startNode([tls()]), await startNode([noise()])]
  await fails(a.dial(b.getMultiaddrs()), 'select')
  assert.equal(b.getConnections(), [])
})

for (const bytes of [1, 65_536, 8 * 1024 * 1024 + 1]) {
  test(`${bytes} bytes there and back are the same`, async () => {
    const [a, b] = [await startNode([tls()]), await startNode([tls()])]
    const stream = await a.dialProtocol(b.getMultiaddrs(), ECHO)
    const sent = randomBytes(bytes)
    const got: Uint8Array[] = []
    const received = (async () => {
      for await (const chunk of stream) got.push(chunk.subarray())
    })()
    for (let at = 0; at < bytes; at += 65_000) {
      if (!stream.send(sent.subarray(at, at + 65_000))) await stream.onDrain()
    }
    await stream.close()
    await received
    assert.ok(Buffer.concat(got).equals(sent))
  })
}

test('a connection that is closed on one side is closed on the other', async () => {
  const [a, b] = [await startNode([tls()]), await startNode([tls()])]
  const connection = await a.dial(b.getMultiaddrs())
  await until(() => b.getConnections().length === 1, 'it is there')
  await connection.close()
  await until(() => b.getConnections().length === 0, 'it is closed')
  const again = await a.dial(b.getMultiaddrs())
  await until(() => b.getConnections().length === 1, 'it is there again')
  again.abort(new Error('for a test'))
  await until(() => b.getConnections().length === 0, 'it is reset')
})

test('who is somebody else than the one that is dialled is refused', async () => {
  const [a, b] = [await startNode([tls()]), await startNode([tls()])]
  const other = peerIdFromPrivateKey(await generateKeyPair('Ed25519'))
  const address = b.getMultiaddrs()[0]!.decapsulate('/p2p').encapsulate(`/p2p/${other}`)
  await fails(a.dial(address), 'not')
  assert.equal(a.getConnections(), [])
})

test('a peer that sends garbage, or nothing, in place of the handshake harms nobody', async () => {
  const good = await startNode([tls()])
  const port = Number(
    good
      .getMultiaddrs()[0]!
      .getComponents()
      .find(({ name }) => name === 'tcp')!.value,
  )
  const hello = Buffer.from('\x13/multistream/1.0.0\n\x0b/tls/1.0.0\n')
  for (const rest of [
    Buffer.alloc(0),
    randomBytes(500),
    Buffer.concat([Buffer.from('160301ffff', 'hex'), randomBytes(99)]),
  ]) {
    const socket = tcpConnect(port, '127.0.0.1')
    socket.on('error', () => {})
    await once(socket, 'connect')
    socket.write(hello)
    await once(socket, 'data')
    socket.end(rest)
    socket.resume()
    await once(socket, 'close')
  }
  const honest = await startNode([tls()])
  await honest.dial(good.getMultiaddrs())
  assert.equal(encryptionOf(honest), [TLS_PROTOCOL])
})

test('a server that says garbage in place of the handshake is a failure, no crash', async () => {
  const server = createServer((socket) => {
    socket.on('error', () => {})
    socket.once('data', () => {
      socket.write('\x13/multistream/1.0.0\n\x0b/tls/1.0.0\n')
      socket.once('data', () => socket.end(randomBytes(300)))
    })
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const a = await startNode([tls()])
  const { multiaddr } = await import('@multiformats/multiaddr')
  await fails(a.dial(multiaddr(`/ip4/127.0.0.1/tcp/${(server.address() as AddressInfo).port}`)), '')
  server.close()
})

test('a certificate says whose it is', async () => {
  const key = await generateKeyPair('Ed25519')
  const { cert } = await makeCredentials(key)
  const peer = await peerOfCertificate(new X509Certificate(cert), new Date())
  assert.ok(peer.equals(peerIdFromPrivateKey(key)))
})

test('a certificate with one bit changed anywhere says of nobody else', async () => {
  const key = await generateKeyPair('Ed25519')
  const own = peerIdFromPrivateKey(key)
  const raw = new X509Certificate((await makeCredentials(key)).cert).raw
  for (let bit = 0; bit < raw.length * 8; bit += 3) {
    const changed = Buffer.from(raw)
    changed[bit >> 3]! ^= 1 << (bit & 7)
    const peer = await attempt(async () => peerOfCertificate(new X509Certificate(changed), new Date()))
    assert.ok(peer === undefined || peer.equals(own), `bit ${bit}`)
  }
})

test('a signature that is for another certificate, and a key that is no Ed25519, are refused', async () => {
  const [key, other] = [await generateKeyPair('Ed25519'), await generateKeyPair('Ed25519')]
  const liar = { publicKey: key.publicKey, sign: (bytes: Uint8Array) => other.sign(bytes) } as unknown as PrivateKey
  await fails(
    makeCredentials(liar).then(({ cert }) => peerOfCertificate(new X509Certificate(cert), new Date())),
    'not signed',
  )
  const elliptic = await generateKeyPair('ECDSA')
  await fails(
    makeCredentials(elliptic).then(({ cert }) => peerOfCertificate(new X509Certificate(cert), new Date())),
    'another type',
  )
  const { cert } = await makeCredentials(key)
  await fails(peerOfCertificate(new X509Certificate(cert), new Date('1960-01-01')), 'not valid')
})

test('DER: lengths at their bounds, and what ends too early', () => {
  for (const length of [0, 1, 127, 128, 255, 256, 65_535, 65_536]) {
    const [value] = decodeAll(encode(TAG.octetString, new Uint8Array(length)))
    assert.is(value!.content.length, length)
  }
  for (const hex of ['30', '3001', '3080', '308100', '30850000000001', '3084ffffffff', '300230']) {
    const bytes = Buffer.from(hex, 'hex')
    if (hex !== '308100') assert.throws(() => decodeAll(decodeAll(bytes)[0]!.content), RangeError, hex)
  }
  assert.throws(() => decodeParts(encode(TAG.set), TAG.sequence), RangeError)
})

async function attempt<T>(work: () => Promise<T>): Promise<T | undefined> {
  try {
    return await work()
  } catch {
    return undefined
  }
}

async function fails(work: Promise<unknown>, message: string): Promise<void> {
  const error = await work.then(
    () => undefined,
    (reason: Error) => reason,
  )
  assert.ok(error !== undefined, 'it should have failed')
  const messages = [error, ...((error as AggregateError).errors ?? [])].map((each) => String(each.message)).join('; ')
  assert.ok(messages.includes(message), messages)
}

test.run()
