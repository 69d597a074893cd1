import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import {
  BOOTSTRAP_MAX,
  CONFIG_FILE_BYTES_MAX,
  type Config,
  type ConfigSources,
  FLOOR_BYTES_DEFAULT,
  FRAME_CACHE_BYTES_DEFAULT,
  LISTEN_DEFAULT,
  LISTEN_MAX,
  loadConfig,
  RATE_BYTES_MIN,
} from '../../node/config.ts'
import { RACK_CHARS_MAX } from '../../protocols/blocks/constants.ts'
import { HOOK_BITS } from '../../protocols/table/constants.ts'
import { rejectsCode } from '../support/failures.ts'
import { withDirectory } from '../support/temporary.ts'

const PEER = '12D3KooWSdeE2QRm257HTPdV5kDu3wG73qj5G3v7cKZC2EiJ1iLs'
const OTHER_PEER = '12D3KooWJK1gGpqUVwdskE7jCEUYfeg2hSMnLqt7DerqeWTD8f2r'
const DEFAULTS: Config = {
  home: '/default',
  listen: [LISTEN_DEFAULT],
  bootstrap: [],
  trust: [],
  quotaBytes: undefined,
  floorBytes: FLOOR_BYTES_DEFAULT,
  frameCacheBytes: FRAME_CACHE_BYTES_DEFAULT,
  rateUpBytes: undefined,
  rateDownBytes: undefined,
  prefetchRateUpBytes: undefined,
  prefetchRateDownBytes: undefined,
  schedulerPeers: [],
  orderPort: 7411,
  nodesFile: undefined,
  hookSpool: '/default/hooks',
  hookSocket: undefined,
  jobSocket: undefined,
  hookBits: HOOK_BITS,
  rack: undefined,
  tls: true,
  logLevel: 'info',
}

function load(flags: ConfigSources['flags'] = {}, more: Partial<ConfigSources> = {}): Promise<Config> {
  return loadConfig({ defaultHome: '/default', cwd: '/cwd', flags, ...more })
}

/** Loads a file of that text, given as a relative path. */
function loadText(text: string, more: Partial<ConfigSources> = {}): Promise<Config> {
  return withDirectory(async (cwd) => {
    await mkdir(join(cwd, 'etc'))
    await writeFile(join(cwd, 'etc', 'node.yaml'), text)
    const config = await load({}, { cwd, file: 'etc/node.yaml', ...more })
    return { ...config, home: config.home.replace(cwd, 'CWD') }
  })
}

async function refused(flags: object, expected: RegExp): Promise<void> {
  const error = await rejectsCode('BAD_CONFIG', load(flags))
  assert.match(error.message, expected)
  assert.not.match(error.message, /\n/)
}

async function refusedText(text: string, expected: RegExp): Promise<void> {
  const error = await rejectsCode('BAD_CONFIG', loadText(text))
  assert.match(error.message, expected)
  assert.match(error.message, /node\.yaml/)
  assert.not.match(error.message, /\n/)
}

test('without settings all have their defaults, and hooks those of the whole network', async () => {
  assert.equal(await load(), DEFAULTS)
  assert.is((await load()).hookBits, 9)
  for (const empty of ['', '# nothing\n', '{}', 'null']) {
    assert.equal({ ...(await loadText(empty)), home: '/default' }, DEFAULTS, JSON.stringify(empty))
  }
})

test('flags go before the file, a list as a whole, and undefined flags are none', async () => {
  const text = `quota: 20GB\nfloor: 0\nrateUp: 1Gbit\ntrust: [${PEER}]\nhookBits: 3\nlogLevel: debug\nlisten: [/ip4/1.2.3.4/tcp/1]`
  const file = await loadText(text)
  assert.is(file.quotaBytes, 20e9)
  assert.is(file.floorBytes, 0)
  assert.is(file.rateUpBytes, 125e6)
  assert.is(file.hookBits, 3)
  assert.is(file.logLevel, 'debug')
  assert.equal(file.trust, [PEER])
  const flags = { quota: '1G', trust: [OTHER_PEER], rateUp: undefined, logLevel: undefined }
  const both = await loadText(text, { flags })
  assert.is(both.quotaBytes, 1024 ** 3)
  assert.is(both.rateUpBytes, 125e6)
  assert.is(both.logLevel, 'debug')
  assert.equal(both.trust, [OTHER_PEER])
  assert.equal(both.listen, ['/ip4/1.2.3.4/tcp/1'])
})

test('the home is that of the flag, else of the environment, else of the file, else the default', async () => {
  assert.is((await load({ home: 'h' }, { environmentHome: '/env' })).home, '/cwd/h')
  assert.is((await load({}, { environmentHome: 'env' })).home, '/cwd/env')
  assert.is((await loadText('home: ../data')).home, 'CWD/data')
  assert.is((await loadText('home: /data')).home, '/data')
  assert.is((await loadText('home: data', { environmentHome: '/env' })).home, '/env')
  assert.is((await loadText('home: data', { flags: { home: '/flag' } })).home, '/flag')
  assert.is((await load()).home, '/default')
})

test('JSON is read as YAML is', async () => {
  const config = await loadText(JSON.stringify({ quota: 4096, trust: [PEER, PEER], rateDown: RATE_BYTES_MIN }))
  assert.is(config.quotaBytes, 4096)
  assert.is(config.rateDownBytes, RATE_BYTES_MIN)
  assert.equal(config.trust, [PEER], 'one peer once')
})

test('sizes and rates: boundaries', async () => {
  assert.is((await load({ quota: '1' })).quotaBytes, 1)
  assert.is((await load({ floor: '0' })).floorBytes, 0)
  await refused({ quota: '0' }, /^--quota: .*no room/)
  await refused({ quota: '-1' }, /^--quota: "-1" is no size/)
  await refused({ quota: 'lots' }, /^--quota: "lots" is no size/)
  await refused({ floor: '99999999P' }, /^--floor: /)
  await refused({ rateUp: '63K' }, /^--rate-up: "63K" is too slow/)
  await refused({ rateDown: '10 parsecs' }, /^--rate-down: .*no rate/)
  await refusedText('quota: 1.5', /quota: 1\.5 is no size/)
  await refusedText('rateUp: -1', /rateUp: -1 is no rate/)
  await refusedText('quota: .nan', /quota/)
})

test('settings of schedulers: from a file paths are relative to it, from flags to where the daemon is started', async () => {
  const file = await loadText(
    `schedulerPeer: [${PEER}]\norderPort: 7500\nnodesFile: nodes\nhookSpool: /spool\njobSocket: job.sock\nprefetchRateUp: 1M`,
  )
  assert.equal([file.schedulerPeers, file.orderPort, file.prefetchRateUpBytes], [[PEER], 7500, 1024 ** 2])
  assert.ok(file.nodesFile!.endsWith('/etc/nodes') && file.jobSocket!.endsWith('/etc/job.sock'))
  assert.is(file.hookSpool, '/spool')
  const flags = await load({ orderPort: '7501', nodesFile: 'n', hookSocket: 'h.sock', prefetchRateDown: '64K' })
  assert.equal([flags.orderPort, flags.nodesFile, flags.hookSocket], [7501, '/cwd/n', '/cwd/h.sock'])
  assert.is(flags.prefetchRateDownBytes, 65_536)
  await refused({ schedulerPeer: ['x'] }, /^--scheduler-peer: .*no Ed25519 peer id/)
  for (const orderPort of ['0', '70000', '1.5', '-1', '']) await refused({ orderPort }, /^--order-port: .*no port/)
})

test('addresses have a TCP port, and peers are Ed25519 peer ids', async () => {
  const good = [
    '/ip4/0.0.0.0/tcp/0',
    '/ip6/::1/tcp/1',
    '/dns4/builder.example/tcp/7411',
    `/ip4/1.1.1.1/tcp/1/p2p/${PEER}`,
  ]
  assert.equal((await load({ bootstrap: good })).bootstrap, good)
  for (const bad of [
    '',
    'x',
    '/ip4/1.2.3/tcp/1',
    '/ip4/1.2.3.4/udp/1',
    '/ip4/1.2.3.4/tcp/65536',
    '/ip4/1.2.3.4/tcp/1/p2p/no',
  ]) {
    await refused({ listen: [bad] }, /^--listen: .* is no address: /)
    await refused({ bootstrap: [good[0]!, bad] }, /^--bootstrap: .* is no address: /)
  }
  for (const bad of ['', 'x', `${PEER}x`, 'QmYwAPJzv5CZsnA625s3Xf2nemtYgPpHdWEz79ojWnPbdG', '../x']) {
    await refused({ trust: [PEER, bad] }, /^--trust: .* is no Ed25519 peer id/)
  }
  await refusedText(`trust: [${PEER}, x]`, /trust\[1\]: "x" is no Ed25519 peer id/)
})

test('lists are bounded', async () => {
  const addresses = (count: number) => Array.from({ length: count }, (_, i) => `/ip4/1.2.3.4/tcp/${i + 1}`)
  assert.is((await load({ listen: addresses(LISTEN_MAX) })).listen.length, LISTEN_MAX)
  await refused({ listen: addresses(LISTEN_MAX + 1) }, /^--listen: /)
  await refused({ bootstrap: addresses(BOOTSTRAP_MAX + 1) }, /^--bootstrap: /)
  await refusedText('listen: []', /listen: /)
})

test('the label of a rack is text that fits into a message', async () => {
  for (const rack of ['r1', 'R/2.b', 'x'.repeat(RACK_CHARS_MAX)]) assert.is((await load({ rack })).rack, rack)
  for (const rack of ['', 'a b', 'a\n', 'ä', 'x'.repeat(RACK_CHARS_MAX + 1)]) {
    await refused({ rack }, /^--rack: .* is no label of a rack/)
  }
  await refusedText('rack: 7', /rack: /)
})

test('what is unknown or of a wrong kind is refused by name', async () => {
  await refusedText('qouta: 1G', /qouta: there is no such setting/)
  await refusedText('logLevel: loud', /logLevel: must be one of trace, debug/)
  await refusedText('hookBits: 25', /hookBits: /)
  await refusedText('hookBits: 1.5', /hookBits: /)
  await refusedText('trust: x', /trust: /)
  await refusedText('- a\n- b', /node\.yaml: /)
  await refusedText('just text', /node\.yaml: /)
  await refusedText('__proto__: {}\nqouta: 1', /no such setting/)
  const error = await rejectsCode('BAD_CONFIG', loadText('a: 1\nb: 2'))
  assert.equal(error.data, { setting: 'a' })
})

test('files that are no configuration', async () => {
  await refusedText('a: [1', /node\.yaml: /)
  await refusedText('a: 1\na: 2', /node\.yaml: /)
  await refusedText('a: &x [1]\nb: *x', /node\.yaml: /)
  await refusedText(`# ${'x'.repeat(CONFIG_FILE_BYTES_MAX)}`, /larger than 1048576 bytes/)
  await withDirectory(async (cwd) => {
    await rejectsCode('BAD_FILE', load({}, { cwd, file: '.' }).catch(asSystemFailure))
    await rejectsCode('NO_SUCH_FILE', load({}, { cwd, file: 'absent' }).catch(asSystemFailure))
  })
})

/** What the system throws is given its meaning where commands fail. */
async function asSystemFailure(error: unknown): Promise<never> {
  const { asHotblockError } = await import('../../protocols/errors.ts')
  throw asHotblockError(error)
}

test.run()
