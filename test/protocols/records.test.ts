import * as cbor from '@ipld/dag-cbor'
import { generateKeyPair } from '@libp2p/crypto/keys'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import { CID } from 'multiformats/cid'
import * as Digest from 'multiformats/hashes/digest'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { type FailureCode, HotblockError } from '../../protocols/errors.ts'
import { RecordBook } from '../../protocols/records/book.ts'
import { RECORD_AHEAD_MS_MAX, RECORD_BYTES_MAX, SEQUENCE_MAX } from '../../protocols/records/constants.ts'
import { checkName, parseWantedName } from '../../protocols/records/name.ts'
import { openRecord, type RecordFields, signRecord } from '../../protocols/records/record.ts'
import { newKey } from '../support/hosts.ts'
import { memoryRows, recordFields, recordOf, rootOf } from '../support/records.ts'

const key = await newKey()
const builder = peerIdFromPrivateKey(key).toString()
const otherKey = await newKey()
const other = peerIdFromPrivateKey(otherKey).toString()

async function fails(code: FailureCode, run: () => unknown): Promise<HotblockError> {
  try {
    await run()
  } catch (error) {
    if (!(error instanceof HotblockError)) throw error
    assert.is(error.code, code, error.message)
    return error
  }
  throw new Error(`no ${code}`)
}

/** A record with any fields at all, properly signed. */
async function forge(fields: Record<string, unknown>, signer = key): Promise<Uint8Array> {
  const payload = cbor.encode(fields)
  const signature = await signer.sign(Buffer.concat([Buffer.from('hotblock-record:'), payload]))
  return cbor.encode([payload, signature])
}

const goodFields = () => ({ v: 1, ...recordFields(), builder })

test('a record comes back as it was signed', async () => {
  for (const changes of [
    {},
    { sequence: SEQUENCE_MAX },
    { name: 'a' },
    { name: `9${'x'.repeat(127)}` },
    { format: 'tar.gz' as const },
    { configDigest: new Uint8Array(32).fill(7) },
  ]) {
    const fields = recordFields(changes)
    const record = await openRecord(await signRecord(fields, key))
    assert.is(record.root.toString(), fields.root.toString())
    assert.equal({ ...record, root: 0 }, { ...fields, builder, root: 0 })
  }
})

test('signing is deterministic', async () => {
  const fields = recordFields()
  assert.equal(await signRecord(fields, key), await signRecord({ ...fields }, key))
})

test('every changed bit is noticed', async () => {
  const bytes = await recordOf(key)
  for (let at = 0; at < bytes.length; at++) {
    const changed = Uint8Array.from(bytes)
    changed[at] = changed[at]! ^ (1 << (at % 8))
    try {
      await openRecord(changed)
    } catch (error) {
      assert.instance(error, HotblockError)
      assert.ok(['BAD_RECORD', 'BAD_NAME'].includes((error as HotblockError).code))
      continue
    }
    throw new Error(`byte ${at} was changed and the record opened`)
  }
})

test('what is cut off, lengthened, empty or huge is refused', async () => {
  const bytes = await recordOf(key)
  for (const length of [0, 1, bytes.length - 1]) await fails('BAD_RECORD', () => openRecord(bytes.subarray(0, length)))
  await fails('BAD_RECORD', () => openRecord(Buffer.concat([bytes, Buffer.alloc(1)])))
  await fails('BAD_RECORD', () => openRecord(new Uint8Array(RECORD_BYTES_MAX + 1)))
})

test('a record in the name of another builder is forged', async () => {
  await fails('BAD_RECORD', async () => openRecord(await forge(goodFields(), otherKey)))
  await openRecord(await forge(goodFields()))
})

test('fields out of bounds are refused, signed or not', async () => {
  const sha1Root = CID.createV1(cbor.code, Digest.create(0x11, new Uint8Array(20)))
  const rawRoot = CID.createV1(0x55, Digest.create(0x12, new Uint8Array(32)))
  const cases: [string, unknown, FailureCode?][] = [
    ['v', 2],
    ['name', '', 'BAD_NAME'],
    ['name', '../x', 'BAD_NAME'],
    ['name', 'a/b', 'BAD_NAME'],
    ['name', 'a\nb', 'BAD_NAME'],
    ['name', 'a\n', 'BAD_NAME'],
    ['name', 'x'.repeat(129), 'BAD_NAME'],
    ['name', 7, 'BAD_NAME'],
    ['sequence', 0],
    ['sequence', -1],
    ['sequence', 1.5],
    ['sequence', 2n ** 60n],
    ['root', 'x'],
    ['root', sha1Root],
    ['root', rawRoot],
    ['imageBytes', 0],
    ['imageBytes', '4096'],
    ['format', 'vmdk'],
    ['format', 'constructor'],
    ['time', -1],
    ['builder', 'x'],
    ['configDigest', new Uint8Array(0)],
    ['configDigest', new Uint8Array(65)],
    ['extra', 1],
  ]
  for (const [field, value, code] of cases) {
    const bytes = await forge({ ...goodFields(), [field]: value })
    await fails(code ?? 'BAD_RECORD', () => openRecord(bytes))
  }
  for (const field of Object.keys(goodFields())) {
    const { [field]: _, ...rest } = goodFields() as Record<string, unknown>
    await fails(field === 'name' ? 'BAD_NAME' : 'BAD_RECORD', async () => openRecord(await forge(rest)))
  }
})

test('a date up to a day ahead is accepted, later is not', async () => {
  const now = Date.now()
  const bytes = await recordOf(key, { time: now })
  await openRecord(bytes, now - RECORD_AHEAD_MS_MAX)
  await fails('BAD_RECORD', () => openRecord(bytes, now - RECORD_AHEAD_MS_MAX - 1))
})

test('only Ed25519 keys sign', async () => {
  const secp = await generateKeyPair('secp256k1')
  await fails('BAD_RECORD', () => signRecord(recordFields(), secp))
  const fields = { ...goodFields(), builder: peerIdFromPrivateKey(secp).toString() }
  await fails('BAD_RECORD', async () => openRecord(await forge(fields, secp as never)))
})

test('names', async () => {
  for (const name of ['a', '0', 'slc4.6_x86-64+batch', 'x'.repeat(128)]) assert.is(checkName(name), name)
  for (const name of ['', '.a', '-a', '_a', '+a', 'a/b', 'a b', 'ä', 'a\n', 'a@b', 'x'.repeat(129)]) {
    await fails('BAD_NAME', () => checkName(name))
  }
  assert.equal(parseWantedName('a'), { name: 'a', builder: undefined })
  assert.equal(parseWantedName(`a@${builder}`), { name: 'a', builder })
  for (const text of ['a@', 'a@b@c', `@${builder}`, 'a@0OIl']) await fails('BAD_NAME', () => parseWantedName(text))
})

test('a book takes newer records and tells its listeners, once', async () => {
  const book = await RecordBook.open({ rows: memoryRows(), trust: [builder] })
  const told: [number, string | undefined][] = []
  const off = book.onChange((held, from) => told.push([held.record.sequence, from]))
  const first = await recordOf(key, { sequence: 1 })
  assert.is((await book.accept(first, 'peer')).news, true)
  assert.is((await book.accept(first)).news, false)
  assert.is((await book.accept(await recordOf(key, { sequence: 5 }))).news, true)
  off()
  await book.accept(await recordOf(key, { sequence: 6 }))
  assert.equal(told, [
    [1, 'peer'],
    [5, undefined],
  ])
  assert.is(book.find('slc4-batch')?.record.sequence, 6)
  assert.is(book.find('other'), undefined)
})

test('stale records are refused and named: lower, or equal with other bytes', async () => {
  const book = await RecordBook.open({ rows: memoryRows(), trust: [builder] })
  await book.accept(await recordOf(key, { sequence: 5 }))
  const lower = await fails('STALE_RECORD', async () => book.accept(await recordOf(key, { sequence: 4 })))
  assert.match(lower.message, builder)
  assert.match(lower.message, 'slc4-batch')
  const changes: Partial<RecordFields> = { sequence: 5, root: rootOf(2) }
  await fails('STALE_RECORD', async () => book.accept(await recordOf(key, changes)))
  assert.is(book.find('slc4-batch')?.record.root.toString(), rootOf(1).toString())
})

test('untrusted builders are refused, and no builder is trusted by default', async () => {
  const book = await RecordBook.open({ rows: memoryRows(), trust: [builder] })
  const failure = await fails('UNTRUSTED', async () => book.accept(await recordOf(otherKey)))
  assert.match(failure.message, other)
  await fails('UNTRUSTED', () => book.find(`slc4-batch@${other}`))
  const nobody = await RecordBook.open({ rows: memoryRows(), trust: [] })
  await fails('UNTRUSTED', async () => nobody.accept(await recordOf(key)))
  await fails('BAD_RECORD', async () => book.accept(await forge(goodFields(), otherKey)))
})

test('the first trusted builder wins, a qualified name chooses, a publisher prefers itself', async () => {
  const bytes = [await recordOf(key), await recordOf(otherKey, { sequence: 9 })]
  const open = async (init: { trust: string[]; self?: string }) => {
    const book = await RecordBook.open({ rows: memoryRows(), ...init })
    for (const one of bytes) await book.accept(one)
    return book
  }
  const book = await open({ trust: [builder, other] })
  assert.is(book.find('slc4-batch')?.record.builder, builder)
  assert.is(book.find(`slc4-batch@${other}`)?.record.sequence, 9)
  assert.equal(
    book.list().map(({ record }) => record.builder),
    [builder, other],
  )
  const reversed = await open({ trust: [other, builder] })
  assert.is(reversed.find('slc4-batch')?.record.builder, other)
  const publisher = await open({ trust: [other], self: builder })
  assert.is(publisher.find('slc4-batch')?.record.builder, builder)
})

test('a book is read again from its rows; damaged and foreign rows are left out', async () => {
  const rows = memoryRows()
  const book = await RecordBook.open({ rows, trust: [builder, other] })
  await book.accept(await recordOf(key))
  await book.accept(await recordOf(otherKey))
  const [first] = [...rows.rows.keys()]
  assert.is(first, `record/${builder}/slc4-batch`)
  rows.rows.set(`record/${builder}/moved`, rows.rows.get(first!)!)
  rows.rows.set(`record/${builder}/broken`, new Uint8Array(10))
  const again = await RecordBook.open({ rows, trust: [builder] })
  assert.is(again.list().length, 1)
  assert.is(again.find('slc4-batch')?.record.builder, builder)
  await fails('BAD_CONFIG', () => RecordBook.open({ rows, trust: ['nobody'] }))
})

test('a record that cannot be stored is not believed', async () => {
  const rows = memoryRows()
  const book = await RecordBook.open({ rows, trust: [builder] })
  await book.accept(await recordOf(key, { sequence: 1 }))
  rows.put = () => Promise.reject(new Error('the disk is full'))
  try {
    await book.accept(await recordOf(key, { sequence: 2 }))
    assert.unreachable()
  } catch (error) {
    assert.match(String(error), 'full')
  }
  assert.is(book.find('slc4-batch')?.record.sequence, 1)
})

test.run()
