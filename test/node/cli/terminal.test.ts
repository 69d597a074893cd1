/** What people see: pages of at most 80 columns, colours and progress only on a terminal. */
import { stripVTControlCharacters } from 'node:util'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { FetchReport, ImageRow, NodeApi, PeerRow } from '../../../node/api.ts'
import { hotblock, withFakeDaemon } from '../../support/command-line.ts'
import { FETCH_PROGRESS, FETCH_REPORT, STATUS } from '../../support/fake-api.ts'

const COLUMNS = 80
const PEER = '12D3KooWSdeE2QRm257HTPdV5kDu3wG73qj5G3v7cKZC2EiJ1iLs'
const OTHER_PEER = '12D3KooWJK1gGpqUVwdskE7jCEUYfeg2hSMnLqt7DerqeWTD8f2r'
const ROOT = 'bafyreigmirfvntw7tvaaxpvhjpey2d7xp2km2o5lqwt72x4bm7t6kx3emu'
const HOSTILE = 'a\x1b[2J\x1b]0;title\x07\r\nhotblock: forged'

const FETCHED: FetchReport = {
  ...FETCH_REPORT,
  name: 'bookworm-batch',
  root: ROOT,
  path: `/var/lib/hotblock/images/${ROOT.slice(0, 20)}`,
  output: '/var/lib/libvirt/images/bookworm-batch.img',
  resumedBytes: 1023 * 2 ** 20,
  peers: [
    { peer: PEER, role: 'builder', blocks: 8192, bytes: 1023 * 2 ** 20 },
    { peer: OTHER_PEER, role: 'swarm', blocks: 108_192, bytes: 2 ** 30 + 2 ** 28 },
  ],
}
const IMAGES: ImageRow[] = [
  {
    name: 'bookworm-batch',
    root: ROOT,
    imageBytes: 2 ** 31,
    zeroBytes: 1.1e9,
    state: 'complete',
    pinned: true,
    inUse: true,
  },
  { name: '', root: ROOT, imageBytes: 1023 * 2 ** 20, zeroBytes: 0, state: 'partial', pinned: false, inUse: false },
]
const RECORD = { builder: PEER, sequence: 112, time: '2026-11-23T21:00:00.000Z' }
const PEERS: PeerRow[] = [
  {
    peer: PEER,
    addresses: [`/ip4/10.110.100.120/tcp/7411/p2p/${PEER}`],
    direction: 'out',
    connectedSeconds: 86_399,
    rttSeconds: 0.0123,
    receivedBytes: 1023 * 2 ** 20,
    sentBytes: 0,
  },
  { peer: OTHER_PEER, addresses: [], direction: 'in', connectedSeconds: 1, receivedBytes: 0, sentBytes: 0 },
]
const API: Partial<NodeApi> = {
  async fetch(_name, _options, progress) {
    progress({
      ...FETCH_PROGRESS,
      imageBytes: 2 ** 31,
      doneBytes: 1023 * 2 ** 20,
      wireBytes: 1023 * 2 ** 20,
      peers: 12,
    })
    return FETCHED
  },
  async images({ mesh }) {
    return mesh ? IMAGES.map((row) => ({ ...row, ...RECORD, name: 'bookworm' })) : IMAGES
  },
  async peers() {
    return PEERS
  },
  async verify() {
    const images = IMAGES.map(({ name, root }) => ({ name, root, checkedBytes: 2 ** 31, badBlocks: 0 }))
    return { checkedBytes: 2 ** 31, badBlocks: 0, images }
  },
  async status() {
    const transfer = {
      ...STATUS.transfers[0]!,
      name: 'bookworm-batch',
      root: ROOT,
      imageBytes: 2 ** 31,
      wireBytes: 2 ** 28,
    }
    return { ...STATUS, peer: PEER, trust: [PEER, OTHER_PEER], transfers: [transfer] }
  },
}
const PAGES = [
  ['fetch', 'bookworm'],
  ['images'],
  ['images', '--mesh'],
  ['peers'],
  ['plan', 'bookworm'],
  ['publish', '/x.img', '--name', 'bookworm'],
  ['status'],
  ['verify'],
  ['prefetch', 'a', 'b', '--wait'],
  ['rm', 'a'],
  ['pin', 'a'],
  ['gc'],
]

for (const args of PAGES) {
  test(`${args.join(' ')}: fits a terminal, with and without colours`, async () => {
    await withFakeDaemon(API, async (home) => {
      const plain = await hotblock([...args, '--home', home])
      assert.is(plain.status, 0, plain.stderr)
      assert.is(plain.stderr, '', 'no progress where standard error is no terminal')
      assert.is(stripVTControlCharacters(plain.stdout), plain.stdout, 'no colours where standard output is no terminal')
      for (const line of plain.stdout.split('\n')) {
        // A line may be longer only for one word that must be whole: an address, a path, an id.
        assert.ok(line.replace(/\S{16,}$/, '').length <= COLUMNS, `${line.length}: ${line}`)
        assert.is(line, line.trimEnd(), 'no trailing blanks')
      }
      const colour = await hotblock([...args, '--home', home], { terminal: true })
      assert.is(stripVTControlCharacters(colour.stdout), plain.stdout)
      const environment = { noColour: true }
      const none = await hotblock([...args, '--home', home], { terminal: true, environment })
      assert.is(none.stdout, plain.stdout, 'NO_COLOR')
    })
  })
}

test('status and images --mesh say all ids in full', async () => {
  await withFakeDaemon(API, async (home) => {
    const { stdout } = await hotblock(['status', '--home', home])
    for (const text of [`${PEER} (this node)`, OTHER_PEER, '1 h 2 min', '27,000'])
      assert.ok(stdout.includes(text), text)
    assert.ok((await hotblock(['images', '--mesh', '--home', home])).stdout.includes(PEER))
    assert.ok((await hotblock(['plan', 'a', '--home', home])).stdout.includes('fits'))
  })
})

test('long commands show a bar on a terminal, and clear it', async () => {
  await withFakeDaemon(API, async (home) => {
    for (const args of [
      ['fetch', 'a'],
      ['publish', '/x', '--name', 'a'],
      ['repair', 'a'],
    ]) {
      const { stderr, stdout } = await hotblock([...args, '--home', home], { terminal: true })
      if (args[0] !== 'repair') assert.match(stderr, /█|░/)
      assert.not.match(stripVTControlCharacters(stdout), /█|░/)
    }
    const { stderr } = await hotblock(['fetch', 'a', '--home', home], { terminal: true })
    const shown = stderr.split('\r').flatMap((text) => stripVTControlCharacters(text).split('\n'))
    assert.ok(stderr.includes('\x1b[?25h'), 'the cursor is back')
    assert.ok(shown.some((line) => /cold .*1023 MiB of 2 GiB {2}1023 MiB moved, 12 peers/.test(line)))
  })
})

test('names and paths from elsewhere are printed harmlessly', async () => {
  const images = async () => [
    { ...IMAGES[0]!, ...RECORD, name: HOSTILE, builder: HOSTILE, root: HOSTILE, time: HOSTILE },
  ]
  const fetch = async () => ({
    ...FETCHED,
    name: HOSTILE,
    path: HOSTILE,
    peers: [{ ...FETCHED.peers[0]!, peer: HOSTILE }],
  })
  const peers = async () => [{ ...PEERS[0]!, peer: HOSTILE, addresses: [HOSTILE] }]
  const status = async () => ({ ...STATUS, wants: [HOSTILE], home: HOSTILE, addresses: [HOSTILE], trust: [HOSTILE] })
  const pin = async () => ({ ...IMAGES[0]!, name: HOSTILE })
  const hostile = { images, fetch, peers, status, pin } as Partial<NodeApi>
  await withFakeDaemon(hostile, async (home) => {
    for (const args of [['images'], ['images', '--mesh'], ['fetch', 'a'], ['peers'], ['status'], ['pin', 'a']]) {
      const { status: exit, stdout } = await hotblock([...args, '--home', home])
      assert.is(exit, 0)
      assert.not.match(stdout, /(?!\n)\p{Cc}/u, args.join(' '))
      assert.not.match(stdout, /^hotblock: forged/m, args.join(' '))
    }
  })
})

test('failures are coloured on a terminal only', async () => {
  const plain = await hotblock(['hash', '/absent'])
  const terminal = await hotblock(['hash', '/absent'], { terminal: true })
  assert.is(stripVTControlCharacters(plain.stderr), plain.stderr)
  assert.is.not(terminal.stderr, plain.stderr)
  assert.is(stripVTControlCharacters(terminal.stderr), plain.stderr)
})

test('help and version go to standard output', async () => {
  for (const args of [['--help'], ['help'], ['fetch', '--help'], ['help', 'fetch'], ['-h']]) {
    const { status, stdout, stderr } = await hotblock(args)
    assert.is(status, 0)
    assert.is(stderr, '')
    assert.match(stdout, /^Usage: hotblock/)
    for (const line of stdout.split('\n')) assert.ok(line.length <= COLUMNS, line)
  }
  for (const option of ['--version', '-V']) {
    const { status, stdout } = await hotblock([option])
    assert.is(status, 0)
    assert.match(stdout, /^\d+\.\d+\.\d+\n$/)
  }
})

test.run()
