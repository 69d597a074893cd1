/** Keys, what changed, what is evicted: all without a disk. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { PackageVersion } from '../../../builder/make/maker.ts'
import { type Evictable, evictions } from '../../../builder/stages/evict.ts'
import { canonicalJson, type StageParts, stageKey } from '../../../builder/stages/key.ts'
import { whyMissed } from '../../../builder/stages/why.ts'

const pack = (name: string, version: string, sha256 = 'a'.repeat(64)): PackageVersion => {
  return { name, version, arch: 'amd64', sha256, family: 'debian' }
}
const parts = (of: Partial<StageParts> = {}): StageParts => ({
  stage: 'groups',
  class: 'bookworm',
  arch: 'amd64',
  parent: 'p'.repeat(64),
  config: { names: ['openssl', 'bc'], variant: 'essential' },
  packages: [pack('openssl', '3.0.17'), pack('bc', '1')],
  tools: { apt: '2.6' },
  ...of,
})

test('a key is the same for the same parts, in whatever order they are named', () => {
  const key = stageKey(parts())
  assert.match(key, /^[0-9a-f]{64}$/)
  assert.is(stageKey(parts({ packages: [...parts().packages].reverse() })), key)
  assert.is(stageKey(parts({ config: { variant: 'essential', names: ['openssl', 'bc'] } })), key)
  assert.is(stageKey(JSON.parse(JSON.stringify(parts()))), key)
})

test('each part changes the key', () => {
  const changed: Partial<StageParts>[] = [
    {},
    { stage: 'packages' },
    { class: 'trixie' },
    { arch: 'i386' },
    { parent: '' },
    { config: { names: ['openssl', 'bc'], variant: 'minbase' } },
    { config: { names: ['bc', 'openssl'], variant: 'essential' } },
    { packages: [pack('openssl', '3.0.19'), pack('bc', '1')] },
    { packages: [pack('openssl', '3.0.17', 'b'.repeat(64)), pack('bc', '1')] },
    { packages: [pack('openssl', '3.0.17')] },
    { tools: { apt: '2.7' } },
  ]
  assert.is(new Set(changed.map((one) => stageKey(parts(one)))).size, changed.length)
})

test('canonical JSON: sorted members, bytes by their hash, nothing for what is undefined', () => {
  assert.is(canonicalJson({ b: [1, 'x'], a: { d: null, c: undefined } }), '{"a":{"d":null},"b":[1,"x"]}')
  assert.is(canonicalJson(new Uint8Array([1])), canonicalJson(Buffer.from([1])))
  assert.is.not(canonicalJson(new Uint8Array([1])), canonicalJson(new Uint8Array([2])))
})

test('a miss says what is different from the stage that is most alike', () => {
  const now = parts()
  assert.is(whyMissed(now, []), 'never built for bookworm amd64')
  assert.is(whyMissed(now, [parts({ class: 'trixie' }), parts({ stage: 'base' })]), 'never built for bookworm amd64')
  assert.is(whyMissed(now, [parts()]), 'built before, but no longer in the cache')
  const older = parts({ packages: [pack('openssl', '3.0.15'), pack('bc', '1')] })
  const other = parts({ parent: 'q', packages: [], tools: {} })
  assert.is(whyMissed(now, [other, older]), 'package openssl 3.0.15 → 3.0.17')
  assert.is(whyMissed(parts({ parent: 'q' }), [now]), 'the stage below changed')
  assert.is(whyMissed(parts({ tools: { apt: '3' } }), [now]), 'apt 2.6 → 3')
  assert.is(whyMissed(parts({ config: { names: ['bc'] } }), [now]), 'names changed, variant changed')
  assert.is(
    whyMissed(parts({ packages: [pack('bc', '1'), pack('vim', '9')] }), [now]),
    'package vim added, package openssl removed',
  )
  const rebuilt = parts({ packages: [pack('openssl', '3.0.17', 'b'.repeat(64)), pack('bc', '1')] })
  assert.is(whyMissed(rebuilt, [now]), 'package openssl 3.0.17 has other bytes')
  const many = Array.from({ length: 9 }, (_none, i) => pack(`p${i}`, '1'))
  assert.is(
    whyMissed(parts({ packages: [...now.packages, ...many] }), [now]),
    'package p0 added, package p1 added, package p2 added, package p3 added and 5 more changes',
  )
})

test('eviction: least recently used, leaves only, none in use', () => {
  const stage = (key: string, parent: string, usedAt: number): Evictable => ({ key, parent, bytes: 10, usedAt })
  const all = [stage('base', '', 1), stage('a', 'base', 2), stage('b', 'base', 3), stage('c', 'b', 4)]
  const none = new Set<string>()
  assert.equal(evictions(all, 40, none), [])
  assert.equal(evictions(all, 39, none), ['a'])
  assert.equal(evictions(all, 25, none), ['a', 'c'])
  assert.equal(evictions(all, 0, none), ['a', 'c', 'b', 'base'])
  assert.equal(evictions(all, 0, new Set(['c', 'b', 'base'])), ['a'])
  assert.equal(evictions(all, 0, new Set(['a', 'base'])), ['c', 'b'])
  assert.equal(evictions([], 0, none), [])
})

test.run()
