/** With --json every command prints one document, with the fields that scripts rely on. */
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { NodeApi } from '../../../node/api.ts'
import { HotblockError } from '../../../protocols/errors.ts'
import { hotblock, withFakeDaemon } from '../../support/command-line.ts'
import { FETCH_REPORT, fakeApi } from '../../support/fake-api.ts'
import { withDirectory } from '../../support/temporary.ts'

type Kind = 'string' | 'integer' | 'number' | 'boolean' | 'array' | 'object'
type Fields = Readonly<Record<string, Kind>>

const FETCH: Fields = {
  name: 'string',
  root: 'string',
  imageBytes: 'integer',
  zeroBytes: 'integer',
  hotBytes: 'integer',
  coldBytes: 'integer',
  tableBytes: 'integer',
  wireBytes: 'integer',
  resumedBytes: 'integer',
  seconds: 'number',
  virtualSpeed: 'number',
  fractionTransferred: 'number',
  peers: 'array',
}
const CHECK: Fields = { checkedBytes: 'integer', badBlocks: 'integer' }
const IMAGE: Fields = {
  name: 'string',
  root: 'string',
  imageBytes: 'integer',
  state: 'string',
  pinned: 'boolean',
  inUse: 'boolean',
}

/** Commands that ask the daemon; a list's fields are those of each row. */
const COMMANDS: readonly (readonly [args: string[], fields: Fields, rows?: 'rows'])[] = [
  [
    ['publish', '/x.img', '--name', 'a'],
    { name: 'string', root: 'string', sequence: 'integer', imageBytes: 'integer', seconds: 'number' },
  ],
  [['images'], IMAGE, 'rows'],
  [['images', '--mesh'], IMAGE, 'rows'],
  [
    ['plan', 'a'],
    {
      name: 'string',
      root: 'string',
      imageBytes: 'integer',
      zeroBytes: 'integer',
      hotBytes: 'integer',
      coldBytes: 'integer',
      tableBytes: 'integer',
      holders: 'integer',
      fits: 'boolean',
    },
  ],
  [['fetch', 'a'], FETCH],
  [['fetch', 'a', '--output', '/tmp/x.img', '--timeout', '9'], FETCH],
  [['prefetch', 'a', 'b'], { accepted: 'array' }],
  [['prefetch', 'a', '--wait'], { accepted: 'array', images: 'array' }],
  [
    ['prefetch', 'a', '--on', 'n[1-2]'],
    {
      names: 'array',
      hosts: 'integer',
      taken: 'integer',
      refused: 'integer',
      unreachable: 'integer',
      failures: 'array',
    },
  ],
  [
    ['wait', 'a', '--timeout', '9'],
    { name: 'string', root: 'string', imageBytes: 'integer', path: 'string', seconds: 'number' },
  ],
  [
    ['status'],
    {
      peer: 'string',
      addresses: 'array',
      connections: 'integer',
      dht: 'object',
      images: 'object',
      transfers: 'array',
      hooks: 'object',
      store: 'object',
      memory: 'object',
    },
  ],
  [
    ['peers'],
    { peer: 'string', addresses: 'array', direction: 'string', receivedBytes: 'integer', sentBytes: 'integer' },
    'rows',
  ],
  [['verify'], CHECK],
  [['verify', 'a'], CHECK],
  [['repair', 'a'], { ...CHECK, repairedBlocks: 'integer' }],
  [['pin', 'a'], { name: 'string', pinned: 'boolean' }],
  [['unpin', 'a'], { name: 'string', pinned: 'boolean' }],
  [['rm', 'a'], { freedBytes: 'integer' }],
  [['gc'], { freedBytes: 'integer' }],
  [['metrics'], { metrics: 'string' }],
  [['id'], { peer: 'string', addresses: 'array' }],
]

for (const [args, fields, rows] of COMMANDS) {
  test(`${args.join(' ')} --json`, async () => {
    const row = {
      addresses: ['/ip4/1.2.3.4/tcp/1'],
      direction: 'in',
      connectedSeconds: 1,
      receivedBytes: 1,
      sentBytes: 1,
    }
    const peers = async () => [{ peer: '12D3KooWb', ...row, direction: 'in' as const }]
    await withFakeDaemon({ peers }, async (home) => {
      const before = await hotblock(['--json', '--home', home, ...args])
      const after = await hotblock([...args, '--home', home, '--json'])
      for (const run of [before, after]) {
        assert.is(run.status, 0, run.stderr)
        assert.is(run.stderr, '')
        const document = oneDocument(run.stdout)
        if (rows === undefined) checkFields(document, fields)
        else {
          assert.ok(Array.isArray(document) && document.length > 0)
          for (const each of document) checkFields(each, fields)
        }
      }
    })
  })
}

test('fetch --json names each peer with its blocks and bytes', async () => {
  await withFakeDaemon({}, async (home) => {
    const { stdout } = await hotblock(['fetch', 'a', '--json', '--home', home])
    const { peers } = oneDocument(stdout) as { peers: unknown[] }
    assert.is(peers.length, 1)
    checkFields(peers[0], { peer: 'string', blocks: 'integer', bytes: 'integer' })
  })
})

test('prefetch --wait outlasts a name that is not published yet', async () => {
  let asked = 0
  const fetch: NodeApi['fetch'] = async () => {
    if (asked++ === 0) throw new HotblockError('NOT_FOUND', 'nobody has published it')
    return FETCH_REPORT
  }
  await withFakeDaemon({ fetch }, async (home) => {
    const { status, stdout } = await hotblock(['prefetch', 'a', '--wait', '--timeout', '60', '--json', '--home', home])
    assert.is(status, 0)
    assert.equal(oneDocument(stdout), { accepted: ['a'], images: [FETCH_REPORT] })
    assert.is(asked, 2)
  })
})

test('stop --json', async () => {
  let close = async () => {}
  const stop = () => close()
  const { startControlServer } = await import('../../../node/control/server.ts')
  await withDirectory(async (home) => {
    const server = await startControlServer({ home, api: fakeApi({ stop }) })
    close = () => server.close()
    const { status, stdout } = await hotblock(['stop', '--json', '--home', home])
    assert.is(status, 0)
    assert.equal(oneDocument(stdout), { stopped: true, home })
  })
})

test('hash --json and compare --json need no daemon', async () => {
  await withDirectory(async (cwd) => {
    await writeFile(join(cwd, 'a.img'), Buffer.concat([Buffer.alloc(8192, 'a'), Buffer.alloc(8192)]))
    await writeFile(join(cwd, 'b.img'), Buffer.concat([Buffer.alloc(8192, 'a'), Buffer.alloc(4096, 'b')]))
    const hash = await hotblock(['hash', 'a.img', '--json'], { environment: { cwd } })
    assert.is(hash.status, 0, hash.stderr)
    const hashed = oneDocument(hash.stdout) as Record<string, unknown>
    checkFields(hashed, {
      root: 'string',
      format: 'string',
      cutter: 'string',
      imageBytes: 'integer',
      blocks: 'integer',
      uniqueBlocks: 'integer',
      zeroBytes: 'integer',
      segments: 'integer',
      tableBytes: 'integer',
      seconds: 'number',
    })
    assert.is(hashed.imageBytes, 16_384)
    assert.is(hashed.zeroBytes, 8192)
    assert.is(hashed.blocks, 2)
    assert.is(hashed.uniqueBlocks, 1)
    const fixed = await hotblock(['hash', 'a.img', '--json', '--cut', 'fixed:4K'], { environment: { cwd } })
    assert.is((oneDocument(fixed.stdout) as { root: string }).root, hashed.root)
    const compare = await hotblock(['compare', 'a.img', 'b.img', '--json'], { environment: { cwd } })
    assert.is(compare.status, 0, compare.stderr)
    const compared = oneDocument(compare.stdout) as Record<string, number>
    checkFields(compared, {
      imageBytes: 'integer',
      zeroBytes: 'integer',
      hotBytes: 'integer',
      coldBytes: 'integer',
      tableBytes: 'integer',
      compressedBytes: 'integer',
      hotFraction: 'number',
      fractionTransferred: 'number',
    })
    assert.equal([compared.imageBytes, compared.hotBytes, compared.coldBytes], [12_288, 8192, 4096])
    assert.ok(Math.abs(compared.hotFraction! - 2 / 3) < 1e-9)
  })
})

test('what the command line gives reaches the daemon, paths made absolute', async () => {
  await withFakeDaemon({}, async (home, calls) => {
    const environment = { cwd: '/work dir', homeVariable: home }
    await hotblock(['publish', 'x.img', '--name', 'a', '--cut', 'fixed:64K', '--block', '32K'], { environment })
    await hotblock(['publish', '/y.img', '--name', 'b'], { environment })
    await hotblock(['fetch', 'a@12D3KooWa', '--output', '../out.img', '--timeout', '1.5'], { environment })
    await hotblock(['fetch', 'a'], { environment })
    await hotblock(['prefetch', 'a', 'b', 'a'], { environment })
    await hotblock(['images', '--mesh'], { environment })
    await hotblock(['pin', 'a'], { environment })
    await hotblock(['unpin', 'a'], { environment })
    assert.equal(calls, [
      { method: 'publish', args: ['/work dir/x.img', 'a', { cut: 'fixed:65536', blockBytes: 32_768 }] },
      { method: 'publish', args: ['/y.img', 'b', { cut: 'auto', blockBytes: 65_536 }] },
      { method: 'fetch', args: ['a@12D3KooWa', { output: '/out.img', timeoutSeconds: 1.5 }] },
      { method: 'fetch', args: ['a', {}] },
      { method: 'prefetch', args: [['a', 'b']] },
      { method: 'images', args: [{ mesh: true }] },
      { method: 'pin', args: ['a', true] },
      { method: 'pin', args: ['a', false] },
    ])
  })
})

function oneDocument(stdout: string): unknown {
  assert.match(stdout, /^[^\n]+\n$/, 'one line')
  return JSON.parse(stdout)
}

function checkFields(document: unknown, fields: Fields): void {
  assert.is(kindOf(document), 'object')
  for (const [name, wanted] of Object.entries(fields)) {
    const kind = kindOf((document as Record<string, unknown>)[name])
    assert.ok(kind === wanted || (wanted === 'number' && kind === 'integer'), `${name} is ${kind}, not ${wanted}`)
  }
}

function kindOf(value: unknown): Kind | 'other' {
  if (value === null) return 'other'
  if (Array.isArray(value)) return 'array'
  if (Number.isSafeInteger(value)) return 'integer'
  if (typeof value === 'number') return Number.isFinite(value) ? 'number' : 'other'
  const kind = typeof value
  return kind === 'string' || kind === 'boolean' || kind === 'object' ? kind : 'other'
}

test.run()
