import type { FetchProgress, FetchReport, ImageRow, NodeApi, OrderReport, StatusReport } from '../../node/api.ts'
import { HotblockError } from '../../protocols/errors.ts'

export const FETCH_PROGRESS: FetchProgress = {
  phase: 'cold',
  name: 'a',
  imageBytes: 100,
  doneBytes: 50,
  hotBytes: 10,
  coldBytes: 40,
  wireBytes: 20,
  peers: 2,
  seconds: 0.5,
}

export const FETCH_REPORT: FetchReport = {
  name: 'a',
  root: 'bafyroot',
  imageBytes: 2 ** 31,
  zeroBytes: 2 ** 30,
  hotBytes: 2 ** 29,
  coldBytes: 2 ** 29,
  tableBytes: 2 ** 19,
  wireBytes: 2 ** 28,
  resumedBytes: 0,
  seconds: 2,
  virtualSpeed: 2 ** 30,
  fractionTransferred: 0.125,
  path: '/home/images/bafyroot',
  peers: [{ peer: '12D3KooWa', role: 'builder', blocks: 8192, bytes: 2 ** 28 }],
}

export const ORDER_REPORT: OrderReport = {
  names: ['a'],
  priority: 'allocated',
  scheduler: 'hotblock',
  job: '',
  hosts: 2,
  taken: 1,
  refused: 0,
  unreachable: 1,
  pending: 0,
  failures: [{ host: 'n2', reason: 'no answer' }],
  time: '2026-01-01T00:00:00.000Z',
  seconds: 0.1,
}

export const IMAGE_ROW: ImageRow = {
  name: 'a',
  root: 'bafyroot',
  imageBytes: 100,
  zeroBytes: 10,
  state: 'complete',
  pinned: false,
  inUse: false,
}

export const STATUS: StatusReport = {
  version: '1.2.3',
  peer: '12D3KooWa',
  addresses: ['/ip4/127.0.0.1/tcp/7411/p2p/12D3KooWa'],
  home: '/home/hotblock',
  uptimeSeconds: 3725,
  connections: 12,
  dht: { mode: 'server', peers: 20, advertisedKeys: 1234, providerRecords: 5678 },
  images: { complete: 3, partial: 1 },
  transfers: [
    {
      name: 'a',
      root: 'bafyroot',
      phase: 'cold',
      priority: 'job',
      doneBytes: 50,
      imageBytes: 100,
      wireBytes: 20,
      peers: 2,
      seconds: 1,
    },
  ],
  wants: ['b'],
  hooks: {
    calls: { submit: 1, allocate: 2, node: 3 },
    failures: { NO_DAEMON: 4 },
    sent: { taken: 5, refused: 6, unreachable: 7, pending: 0 },
    received: { taken: 8, refused: 9 },
    orders: [],
  },
  served: { bytes: 2 ** 30, blocks: 1000, refused: 2 },
  frames: { bytes: 3_000_000, bytesMax: 536_870_912, packing: 1, kept: 7, made: 9 },
  store: {
    imageBytes: 2 ** 31,
    indexBytes: 2 ** 20,
    quotaBytes: null,
    freeBytes: 2 ** 35,
    floorBytes: 2 ** 30,
    indexedBlocks: 27_000,
  },
  memory: { rssBytes: 2 ** 27, heapBytes: 2 ** 25 },
  trust: [],
}

export interface Call {
  readonly method: string
  readonly args: readonly unknown[]
}

/**
 * A daemon that notes what it is asked and answers with fixed reports. What `overrides` has replaces the fixed answers.
 */
export function fakeApi(overrides: Partial<NodeApi> = {}): NodeApi & { readonly calls: Call[] } {
  const calls: Call[] = []
  const checked = { checkedBytes: 100, badBlocks: 0, images: [] }
  const api: NodeApi = {
    async publish(file, name, options, progress) {
      calls.push({ method: 'publish', args: [file, name, options] })
      progress({ phase: 'cut', doneBytes: 1, imageBytes: 2 })
      const numbers = { sequence: 1, imageBytes: 2, zeroBytes: 0, blocks: 1, tableBytes: 3, seconds: 0.1 }
      return { name, root: 'bafyroot', format: 'raw', cutter: 'ext4', ...numbers }
    },
    async images(options) {
      calls.push({ method: 'images', args: [options] })
      return [IMAGE_ROW]
    },
    async plan(name) {
      calls.push({ method: 'plan', args: [name] })
      const numbers = { imageBytes: 4, zeroBytes: 1, hotBytes: 1, coldBytes: 2, tableBytes: 1, holders: 3 }
      return { name, root: 'bafyroot', ...numbers, fits: true, evicts: [] }
    },
    async fetch(name, options, progress) {
      calls.push({ method: 'fetch', args: [name, options] })
      progress(FETCH_PROGRESS)
      return FETCH_REPORT
    },
    async hold(name, options, progress) {
      calls.push({ method: 'hold', args: [name, options] })
      progress({ fetch: FETCH_PROGRESS })
      throw new HotblockError('NOT_FOUND', `no image of that name: ${name}`, { name })
    },
    async prefetch(names) {
      calls.push({ method: 'prefetch', args: [names] })
      return { accepted: names }
    },
    async order(names, hosts, options) {
      calls.push({ method: 'order', args: [names, hosts, options] })
      return { ...ORDER_REPORT, names }
    },
    async hook(call) {
      calls.push({ method: 'hook', args: [call] })
      return { accepted: call.names, unknown: [], hosts: 0 }
    },
    async held() {
      calls.push({ method: 'held', args: [] })
      return { names: ['a'] }
    },
    async wait(name, options, progress) {
      calls.push({ method: 'wait', args: [name, options] })
      progress(FETCH_PROGRESS)
      return { name, root: 'bafyroot', imageBytes: 100, path: FETCH_REPORT.path, seconds: 0.5 }
    },
    async status() {
      return STATUS
    },
    async peers() {
      return []
    },
    async verify(name, progress) {
      calls.push({ method: 'verify', args: [name] })
      progress({ phase: 'verify', name: 'a', doneBytes: 50, imageBytes: 100 })
      return checked
    },
    async repair(name) {
      calls.push({ method: 'repair', args: [name] })
      return { ...checked, repairedBlocks: 0 }
    },
    async pin(name, pinned) {
      calls.push({ method: 'pin', args: [name, pinned] })
      return { ...IMAGE_ROW, name, pinned }
    },
    async remove(name) {
      calls.push({ method: 'remove', args: [name] })
      if (name === 'missing') throw new HotblockError('NOT_FOUND', 'no image of that name: missing', { name })
      return { name, freedBytes: 100 }
    },
    async gc() {
      calls.push({ method: 'gc', args: [] })
      return { freedBytes: 7 }
    },
    async metrics() {
      return '# TYPE hotblock_up gauge\nhotblock_up 1\n'
    },
    async stop() {
      calls.push({ method: 'stop', args: [] })
    },
    ...overrides,
  }
  return Object.assign(api, { calls })
}
