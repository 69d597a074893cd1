import * as cbor from '@ipld/dag-cbor'
import { peerIdFromMultihash, peerIdFromPrivateKey, peerIdFromString } from '@libp2p/peer-id'
import { multiaddr } from '@multiformats/multiaddr'
import * as Digest from 'multiformats/hashes/digest'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import {
  ADDRESS_BYTES_MAX,
  ADDRESSES_PER_PROVIDER_MAX,
  ANSWER_BYTES_MAX,
  ANSWER_PEERS_MAX,
  KEY_BYTES_MAX,
  KEY_BYTES_MIN,
  KEYS_PER_MESSAGE_MAX,
  PROVIDERS_PER_KEY_MAX,
  REQUEST_BYTES_MAX,
} from '../../../protocols/discovery/constants.ts'
import * as messages from '../../../protocols/discovery/messages.ts'
import { HotblockError } from '../../../protocols/errors.ts'
import { throwsCode } from '../../support/failures.ts'
import { newKey } from '../../support/hosts.ts'
import { integer, randomBytes, withSeeds } from '../../support/seeds.ts'

const peerBytes = (peer: string): Uint8Array => peerIdFromString(peer).toMultihash().bytes
const peers = await Promise.all(Array.from({ length: 2 }, async () => peerIdFromPrivateKey(await newKey()).toString()))
/** Peer ids that nobody has the keys of: 520 of them would take long to make. */
const manyPeers = Array.from({ length: ANSWER_PEERS_MAX + 8 }, (_, i) => {
  const bytes = Uint8Array.from(peerBytes(peers[0]!))
  new DataView(bytes.buffer).setUint32(bytes.length - 4, i)
  return peerIdFromMultihash(Digest.decode(bytes)).toString()
})
const key = (length: number, fill = 7): Uint8Array => new Uint8Array(length).fill(fill)
const bytesOf = (address: string): Uint8Array => multiaddr(address).bytes

test('requests come back as they were sent, at the bounds too', () => {
  const keys = [key(KEY_BYTES_MIN), key(32), key(KEY_BYTES_MAX)]
  const addresses = ['/ip4/10.0.0.1/tcp/4001', '/ip6/fd00::1/tcp/1', '/dns/node/tcp/65535']
  for (const request of [
    { kind: 'add', keys, addresses },
    { kind: 'add', keys: [], addresses: [] },
    { kind: 'remove', keys },
    { kind: 'get', keys, limit: 1 },
    { kind: 'get', keys, limit: PROVIDERS_PER_KEY_MAX },
  ] as messages.Request[]) {
    assert.equal(messages.decodeRequest(messages.encodeRequest(request)), request)
  }
})

test('the largest request fits its limit', () => {
  const keys = Array.from({ length: KEYS_PER_MESSAGE_MAX }, (_, i) => key(KEY_BYTES_MAX, i))
  const long = `/dns/${'x'.repeat(ADDRESS_BYTES_MAX - 5)}/tcp/1`
  assert.is(bytesOf(long).length, ADDRESS_BYTES_MAX)
  const addresses = Array<string>(ADDRESSES_PER_PROVIDER_MAX).fill(long)
  const bytes = messages.encodeRequest({ kind: 'add', keys, addresses })
  assert.ok(bytes.length <= REQUEST_BYTES_MAX)
  assert.is(messages.decodeRequest(bytes).keys.length, KEYS_PER_MESSAGE_MAX)
})

test('requests out of bounds are refused', () => {
  const good = key(32)
  const tooMany = Array<Uint8Array>(KEYS_PER_MESSAGE_MAX + 1).fill(good)
  const long = bytesOf(`/dns/${'x'.repeat(ADDRESS_BYTES_MAX)}/tcp/1`)
  for (const value of [
    null,
    7,
    'x',
    {},
    [],
    [3, [good]],
    ['0', [good], []],
    [1],
    [1, good],
    [1, [key(KEY_BYTES_MIN - 1)]],
    [1, [key(KEY_BYTES_MAX + 1)]],
    [1, ['0123456789abcdef']],
    [1, tooMany],
    [0, [good], Array(ADDRESSES_PER_PROVIDER_MAX + 1).fill(bytesOf('/ip4/1.2.3.4/tcp/1'))],
    [0, [good], [long]],
    [0, [good], ['/ip4/1.2.3.4/tcp/1']],
    [0, [good], 'x'],
    [0, [good]],
    [2, [good], 0],
    [2, [good], -1],
    [2, [good], 1.5],
    [2, [good], '1'],
    [2, [good]],
    [2, [good], 1, 1],
  ]) {
    throwsCode('BAD_MESSAGE', () => messages.decodeRequest(cbor.encode(value)))
  }
  const greedy = messages.decodeRequest(cbor.encode([2, [good], 1000]))
  assert.is(greedy.kind === 'get' && greedy.limit, PROVIDERS_PER_KEY_MAX)
})

test('addresses that cannot be dialled directly are left out, and the peer id in them does not count', () => {
  const [peer] = peers
  const sent = [
    bytesOf(`/ip4/10.0.0.1/tcp/1/p2p/${peer}`),
    bytesOf('/ip4/10.0.0.1/udp/1/quic-v1'),
    bytesOf(`/ip4/10.0.0.1/tcp/1/p2p/${peer}/p2p-circuit`),
    bytesOf('/unix/tmp'),
    Uint8Array.of(1, 2, 3),
    new Uint8Array(0),
  ]
  const request = messages.decodeRequest(cbor.encode([0, [key(32)], sent]))
  assert.equal(request.kind === 'add' && request.addresses, ['/ip4/10.0.0.1/tcp/1'])
})

test('answers come back as they were sent, with the peer at the end of each address', () => {
  const [a, b] = peers as [string, string]
  const found = [
    [
      { peer: a, addresses: ['/ip4/10.0.0.1/tcp/1', '/ip4/127.0.0.1/tcp/1'] },
      { peer: b, addresses: [] },
    ],
    [],
    [{ peer: b, addresses: [] }],
  ]
  const decoded = messages.decodeFound(messages.encodeFound(found), 3)
  assert.equal(decoded, [
    [
      { peer: a, addresses: [`/ip4/10.0.0.1/tcp/1/p2p/${a}`, `/ip4/127.0.0.1/tcp/1/p2p/${a}`] },
      { peer: b, addresses: [] },
    ],
    [],
    [{ peer: b, addresses: [] }],
  ])
  assert.equal(messages.decodeAdded(messages.encodeAdded([0, 2]), 3), [0, 2])
  assert.equal(messages.decodeAdded(messages.encodeAdded([]), 0), [])
})

test('an answer about many peers with long addresses stays within its bytes', () => {
  const long = `/dns/${'x'.repeat(ADDRESS_BYTES_MAX - 5)}/tcp/1`
  const addresses = Array<string>(ADDRESSES_PER_PROVIDER_MAX).fill(long)
  const rows = Array.from({ length: KEYS_PER_MESSAGE_MAX }, (_, at) =>
    Array.from({ length: PROVIDERS_PER_KEY_MAX }, (_, i) => ({
      peer: manyPeers[(at * PROVIDERS_PER_KEY_MAX + i) % manyPeers.length]!,
      addresses,
    })),
  )
  const bytes = messages.encodeFound(rows)
  assert.ok(bytes.length <= ANSWER_BYTES_MAX, `${bytes.length}`)
  const decoded = messages.decodeFound(bytes, KEYS_PER_MESSAGE_MAX)
  assert.ok(new Set(decoded.flat().map(({ peer }) => peer)).size > 100)
})

test('answers out of bounds are refused', () => {
  const peer = peerBytes(peers[0]!)
  const entry = [peer, []]
  for (const value of [
    null,
    [],
    [[entry]],
    [[entry], [[0]], 1],
    [[entry], []],
    [[entry], [[0], [0]]],
    [[entry], [[1]]],
    [[entry], [[-1]]],
    [[entry], [[0.5]]],
    [[entry], [['0']]],
    [[entry], [0]],
    [[entry], [Array(PROVIDERS_PER_KEY_MAX + 1).fill(0)]],
    [Array(ANSWER_PEERS_MAX + 1).fill(entry), [[0]]],
    [[[peer]], [[0]]],
    [[peer], [[0]]],
    [[[new Uint8Array(65), []]], [[0]]],
    [[[new Uint8Array(0), []]], [[0]]],
    [[[Uint8Array.of(1, 2, 3), []]], [[0]]],
    [[[peer, Array(ADDRESSES_PER_PROVIDER_MAX + 1).fill(new Uint8Array(3))]], [[0]]],
    [[[peer, [new Uint8Array(ADDRESS_BYTES_MAX + 1)]]], [[0]]],
  ]) {
    throwsCode('BAD_MESSAGE', () => messages.decodeFound(cbor.encode(value), 1))
  }
  for (const value of [null, [[3]], [[-1]], [[0, 1, 2, 0]], [['0']], [0], [[0], [0]]]) {
    throwsCode('BAD_MESSAGE', () => messages.decodeAdded(cbor.encode(value), 3))
  }
})

test('deep, endless and made-up bytes are BAD_MESSAGE and nothing else', () => {
  const deep = new Uint8Array(REQUEST_BYTES_MAX).fill(0x81)
  const huge = Uint8Array.of(0x83, 0x00, 0x9b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff)
  const hugeBytes = Uint8Array.of(0x82, 0x01, 0x81, 0x5b, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff)
  for (const bytes of [deep, huge, hugeBytes, new Uint8Array(0), Uint8Array.of(0x9f, 0xff)]) {
    throwsCode('BAD_MESSAGE', () => messages.decodeRequest(bytes))
    throwsCode('BAD_MESSAGE', () => messages.decodeFound(bytes, 1))
    throwsCode('BAD_MESSAGE', () => messages.decodeAdded(bytes, 1))
  }
  const valid = [
    messages.encodeRequest({ kind: 'add', keys: [key(32), key(8)], addresses: ['/ip4/10.0.0.1/tcp/1'] }),
    messages.encodeFound([[{ peer: peers[0]!, addresses: ['/ip4/10.0.0.1/tcp/1'] }], []]),
  ]
  withSeeds(400, (random) => {
    const bytes = Uint8Array.from(valid[integer(random, 0, 1)]!)
    for (let i = integer(random, 1, 4); i > 0; i--) {
      bytes[integer(random, 0, bytes.length - 1)] = randomBytes(random, 1)[0]!
    }
    const cut = bytes.subarray(0, integer(random, 0, bytes.length))
    for (const read of [
      () => messages.decodeRequest(cut),
      () => messages.decodeFound(cut, 2),
      () => messages.decodeAdded(cut, 2),
    ]) {
      try {
        read()
      } catch (error) {
        assert.ok(error instanceof HotblockError && error.code === 'BAD_MESSAGE', String(error))
      }
    }
  })
})

test.run()
