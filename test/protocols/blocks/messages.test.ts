import * as dagCbor from '@ipld/dag-cbor'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import {
  ADDRESS_CHARS_MAX,
  CLIENT_MESSAGE_BYTES_MAX,
  FRAME_BYTES_MAX,
  GET_BLOCKS_MAX,
  HAVE_PIECES_MAX,
  HEADER_BYTES_MAX,
  MESSAGE_BYTES_MAX,
  PEER_ADDRESSES_MAX,
  PEER_ID_CHARS_MAX,
  PEERS_MAX,
  PIECES_MAX,
  PROBE_HASHES_MAX,
  PROBE_PREFIX_BYTES,
  RACK_CHARS_MAX,
  TABLE_PARTS_MAX,
} from '../../../protocols/blocks/constants.ts'
import {
  type ClientHeader,
  checkProbe,
  decodeClientMessage,
  decodeGet,
  decodeServerMessage,
  encodeGet,
  encodeMessage,
  type ServerHeader,
  tellablePeers,
} from '../../../protocols/blocks/messages.ts'
import { HotblockError } from '../../../protocols/errors.ts'
import { throwsCode } from '../../support/failures.ts'
import { rootOf } from '../../support/records.ts'
import { integer, randomBytes, withSeeds } from '../../support/seeds.ts'

const PEER = {
  id: 'p'.repeat(PEER_ID_CHARS_MAX),
  addresses: new Array(PEER_ADDRESSES_MAX).fill('/'.repeat(ADDRESS_CHARS_MAX)),
  rack: 'r'.repeat(RACK_CHARS_MAX),
}
const PEERS = new Array(PEERS_MAX).fill(PEER)

const CLIENT: ClientHeader[] = [
  { t: 'open', root: rootOf(1) },
  { t: 'open', root: rootOf(1), rack: 'r1' },
  { t: 'table', id: 0, want: new Array(TABLE_PARTS_MAX).fill(rootOf(2)) },
  { t: 'probe', id: 1 },
  { t: 'get', id: 0xffffffff },
  { t: 'cancel', id: 2 },
  { t: 'peers', peers: [] },
  { t: 'peers', peers: PEERS },
]
const SEGMENTS = Array.from({ length: HAVE_PIECES_MAX }, (_, i) => PIECES_MAX - 1 - i)
const SERVER: ServerHeader[] = [
  { t: 'state', holds: 'all', total: 0 },
  { t: 'state', holds: 'some', total: PIECES_MAX },
  { t: 'state', holds: 'none', total: 0, rack: 'r1' },
  { t: 'full', peers: [] },
  { t: 'full', peers: PEERS },
  { t: 'have', held: [], getting: [] },
  { t: 'have', held: SEGMENTS, getting: SEGMENTS },
  { t: 'table', id: 3, sizes: [-1, 0, 5] },
  { t: 'probe', id: 4 },
  { t: 'frame', id: 5, enc: 1 },
  { t: 'frame', id: 5, enc: 0, miss: Uint8Array.of(1, 2) },
  { t: 'busy', id: 6, ms: 60_000 },
  { t: 'peers', peers: PEERS },
]

/** What follows the length on the wire. */
function body(header: object, payload: Uint8Array = new Uint8Array(0)): Uint8Array {
  const bytes = Buffer.concat(encodeMessage(header as ClientHeader, payload))
  assert.is(bytes.readUInt32BE(0), bytes.length - 4)
  return new Uint8Array(bytes.subarray(4))
}

test('every message comes back as it was, with and without a payload', () => {
  for (const payload of [new Uint8Array(0), Uint8Array.of(9, 8, 7)]) {
    for (const header of CLIENT) assert.equal(decodeClientMessage(body(header, payload)), { header, payload })
    for (const header of SERVER) assert.equal(decodeServerMessage(body(header, payload)), { header, payload })
  }
})

test('the largest message that may be sent is one that is accepted', () => {
  for (const header of [...CLIENT, ...SERVER]) {
    assert.ok(dagCbor.encode(header).byteLength <= HEADER_BYTES_MAX, header.t)
  }
  const probe = body({ t: 'probe', id: 1 }, new Uint8Array(PROBE_HASHES_MAX * PROBE_PREFIX_BYTES))
  const get = body({ t: 'get', id: 1 }, encodeGet(new Uint8Array(GET_BLOCKS_MAX * 32), new Uint32Array(GET_BLOCKS_MAX)))
  const frame = body({ t: 'frame', id: 1, enc: 0, miss: new Uint8Array(128) }, new Uint8Array(FRAME_BYTES_MAX))
  assert.ok(probe.length <= CLIENT_MESSAGE_BYTES_MAX && get.length <= CLIENT_MESSAGE_BYTES_MAX)
  assert.ok(frame.length <= MESSAGE_BYTES_MAX)
})

test('a message of the other side is refused', () => {
  throwsCode('BAD_MESSAGE', () => decodeClientMessage(body({ t: 'state', holds: 'all', total: 0 })))
  throwsCode('BAD_MESSAGE', () => decodeServerMessage(body({ t: 'open', root: rootOf(1) })))
})

test('headers with wrong, missing or further fields are refused', () => {
  const client: object[] = [
    {},
    { t: 'nothing' },
    { t: 'get' },
    { t: 'get', id: -1 },
    { t: 'get', id: 1.5 },
    { t: 'get', id: 2 ** 32 },
    { t: 'get', id: '1' },
    { t: 'get', id: 1, more: 1 },
    { t: 'open', root: 'bafy' },
    { t: 'open', root: rootOf(1), rack: '' },
    { t: 'open', root: rootOf(1), rack: 'a b' },
    { t: 'open', root: rootOf(1), rack: 'r'.repeat(RACK_CHARS_MAX + 1) },
    { t: 'peers', peers: [{ id: 'p', addresses: [], rack: 'a\nb' }] },
    { t: 'open', root: Uint8Array.of(1) },
    { t: 'table', id: 1, want: [] },
    { t: 'table', id: 1, want: new Array(TABLE_PARTS_MAX + 1).fill(rootOf(1)) },
    { t: 'peers', peers: [{ id: '', addresses: [] }] },
    { t: 'peers', peers: [{ id: 'a\nb', addresses: [] }] },
    { t: 'peers', peers: [{ id: 'p'.repeat(PEER_ID_CHARS_MAX + 1), addresses: [] }] },
    { t: 'peers', peers: [{ id: 'p', addresses: ['ä'] }] },
    { t: 'peers', peers: [{ id: 'p', addresses: ['/'.repeat(ADDRESS_CHARS_MAX + 1)] }] },
    { t: 'peers', peers: new Array(PEERS_MAX + 1).fill({ id: 'p', addresses: [] }) },
  ]
  for (const header of client) throwsCode('BAD_MESSAGE', () => decodeClientMessage(body(header)))
  const server: object[] = [
    { t: 'state', holds: 'much', total: 1 },
    { t: 'state', holds: 'all', total: 1, rack: 7 },
    { t: 'full' },
    { t: 'state', holds: 'some', total: PIECES_MAX + 1 },
    { t: 'state', holds: 'some', total: -1 },
    { t: 'have', held: [PIECES_MAX], getting: [] },
    { t: 'have', held: new Array(HAVE_PIECES_MAX + 1).fill(1), getting: [] },
    { t: 'have', held: [-1], getting: [] },
    { t: 'frame', id: 1, enc: 2 },
    { t: 'frame', id: 1, enc: 0, miss: [1] },
    { t: 'busy', id: 1, ms: 60_001 },
    { t: 'table', id: 1, sizes: [-2] },
    { t: 'table', id: 1, sizes: new Array(TABLE_PARTS_MAX + 1).fill(0) },
  ]
  for (const header of server) throwsCode('BAD_MESSAGE', () => decodeServerMessage(body(header)))
})

test('a header that is longer than the message, or no DAG-CBOR, is refused', () => {
  for (const bytes of [[], [0], [0, 1], [0xff, 0xff, 0xa0], [0, 1, 0xff], [0, 0], [0, 1, 0xf6]]) {
    throwsCode('BAD_MESSAGE', () => decodeClientMessage(Uint8Array.from(bytes)))
    throwsCode('BAD_MESSAGE', () => decodeServerMessage(Uint8Array.from(bytes)))
  }
})

test('hostile bytes are BAD_MESSAGE, whatever they are', () => {
  const whole = [...CLIENT, ...SERVER].map((header) => body(header, Uint8Array.of(1)))
  withSeeds(1500, (random) => {
    const dice = random()
    let bytes: Uint8Array
    if (dice < 0.3) bytes = randomBytes(random, integer(random, 0, 200))
    else {
      bytes = whole[integer(random, 0, whole.length - 1)]!.slice(0, 4000)
      if (dice < 0.5) bytes = bytes.slice(0, integer(random, 0, bytes.length))
      for (let i = integer(random, 1, 8); i > 0 && bytes.length > 0; i--) {
        bytes[integer(random, 0, Math.min(bytes.length, 60) - 1)] = integer(random, 0, 255)
      }
    }
    for (const decode of [decodeClientMessage, decodeServerMessage]) {
      try {
        const { payload } = decode(bytes)
        assert.ok(payload.byteLength < bytes.byteLength)
      } catch (error) {
        assert.ok(error instanceof HotblockError && error.code === 'BAD_MESSAGE', String(error))
      }
    }
  })
})

test('a get comes back as it was', () => {
  withSeeds(50, (random) => {
    const count = integer(random, 1, 50)
    const hashes = randomBytes(random, count * 32)
    const lengths = Uint32Array.from({ length: count }, () => integer(random, 1, FRAME_BYTES_MAX / 50))
    // At an odd place of a larger buffer, as messages are.
    const message = new Uint8Array(count * 36 + 3)
    message.set(encodeGet(hashes, lengths), 3)
    assert.equal(decodeGet(message.subarray(3), FRAME_BYTES_MAX), { hashes, lengths })
  })
})

test('a get of nothing, of too many blocks, of an empty block or of more than a frame is refused', () => {
  const get = (lengths: number[]): (() => unknown) => {
    const payload = encodeGet(new Uint8Array(lengths.length * 32), Uint32Array.from(lengths))
    return () => decodeGet(payload, FRAME_BYTES_MAX)
  }
  throwsCode('BAD_MESSAGE', get([]))
  throwsCode('BAD_MESSAGE', get([1, 0]))
  throwsCode('BAD_MESSAGE', get([FRAME_BYTES_MAX, 1]))
  throwsCode('BAD_MESSAGE', get([0xffffffff, 0xffffffff]))
  throwsCode('BAD_MESSAGE', get(new Array(GET_BLOCKS_MAX + 1).fill(1)))
  for (const bytes of [1, 35, 37]) throwsCode('BAD_MESSAGE', () => decodeGet(new Uint8Array(bytes), FRAME_BYTES_MAX))
  assert.equal(get([FRAME_BYTES_MAX])() instanceof Object, true)
  assert.equal(get(new Array(GET_BLOCKS_MAX).fill(1))() instanceof Object, true)
})

test('a probe of nothing, of a part of a hash, or of too many is refused', () => {
  for (const bytes of [0, 7, 9, (PROBE_HASHES_MAX + 1) * 8]) {
    throwsCode('BAD_MESSAGE', () => checkProbe(new Uint8Array(bytes), 8))
  }
  assert.is(checkProbe(new Uint8Array(PROBE_HASHES_MAX * 8), 8), PROBE_HASHES_MAX)
})

test('what peers are told of other peers always fits in a message', () => {
  const many = Array.from({ length: 100 }, (_, i) => ({
    id: i === 0 ? 'x'.repeat(1000) : i === 1 ? 'line\nbreak' : `peer${i}`,
    addresses: ['/ip4/1.2.3.4/tcp/1', 'y'.repeat(300), ...new Array(20).fill('/ip4/1.2.3.4/tcp/2')],
  }))
  const peers = tellablePeers(many)
  assert.is(peers.length, PEERS_MAX)
  assert.is(peers[0]!.id, 'peer2')
  assert.is(peers[0]!.addresses.length, PEER_ADDRESSES_MAX)
  assert.not(peers[0]!.addresses.includes('y'.repeat(300)))
  decodeServerMessage(body({ t: 'peers', peers }))
})

test.run()
