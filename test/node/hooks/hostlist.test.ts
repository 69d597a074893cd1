import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { expandHosts, expandRacks, isHost } from '../../../node/hooks/core/hostlist.ts'
import { HOSTLIST_CHARACTERS_MAX, HOSTS_MAX } from '../../../node/hooks/core/limits.ts'
import { HotblockError } from '../../../protocols/errors.ts'
import { throwsCode } from '../../support/failures.ts'
import { integer, withSeeds } from '../../support/seeds.ts'

test('lists as schedulers write them', () => {
  const cases: readonly (readonly [string, string[]])[] = [
    ['', []],
    [' , ,\n', []],
    ['n1', ['n1']],
    ['n1,n2 n3\nn1\t', ['n1', 'n2', 'n3']],
    ['n[1-3]', ['n1', 'n2', 'n3']],
    ['n[08-11]', ['n08', 'n09', 'n10', 'n11']],
    ['n[8-11]', ['n8', 'n9', 'n10', 'n11']],
    ['n[1,3-4,007]', ['n1', 'n3', 'n4', 'n007']],
    ['r[1-2]n[1-2].site.org', ['r1n1.site.org', 'r1n2.site.org', 'r2n1.site.org', 'r2n2.site.org']],
    ['login,n[1,2],10.0.0.7', ['login', 'n1', 'n2', '10.0.0.7']],
    ['n[5-5]', ['n5']],
  ]
  for (const [text, hosts] of cases) assert.equal(expandHosts(text), hosts, text)
})

test('racks: white space between them, commas within', () => {
  const cases: readonly (readonly [string, string[][]])[] = [
    ['', []],
    [' \n', []],
    ['n1,n2', [['n1', 'n2']]],
    ['r1n[1-2],r1g r2n[1, 2]\n r3', [['r1n1', 'r1n2', 'r1g'], ['r2n1', 'r2n2'], ['r3']]],
    [', ,r1', [['r1']]],
  ]
  for (const [text, racks] of cases) assert.equal(expandRacks(text), racks, text)
  for (const text of ['r1n[1-2', 'r1 $(id)', `r1n[1-${HOSTS_MAX}] r2`, 'x'.repeat(HOSTLIST_CHARACTERS_MAX + 1)]) {
    throwsCode('USAGE', () => expandRacks(text))
  }
})

test('what is no list is refused whole', () => {
  const wrong = [
    'n[',
    'n]',
    'n[]',
    'n[1-]',
    'n[a-b]',
    'n[3-1]',
    'n[[1]]',
    'n[1]]',
    'n[-1]',
    'n[1;2]',
    '(null)',
    'n1;reboot',
  ]
  const more = [
    '$(id)',
    '-n1',
    'n1-',
    'n/../x',
    'n\0',
    'é',
    '[::1]',
    'n[1][2][3][4][5]',
    'n[1234567890]',
    'x'.repeat(254),
  ]
  for (const text of [...wrong, ...more]) throwsCode('USAGE', () => expandHosts(`ok,${text}`))
})

test('a list stands for so many hosts and no more, and is not made before it is counted', () => {
  assert.is(expandHosts(`n[1-${HOSTS_MAX}]`).length, HOSTS_MAX)
  const startedAt = performance.now()
  for (const text of [
    `n[0-${HOSTS_MAX}]`,
    `n[1-${HOSTS_MAX}],m`,
    'n[1-999999999]',
    'n[1-9999]x[1-9999]x[1-9999]x[1-9999]',
    Array.from({ length: 5 }, (_, i) => `n${i}x[1-9999]`).join(','),
    `n[${'1-9999,'.repeat(5000)}1]`,
    `${'n,'.repeat(HOSTLIST_CHARACTERS_MAX)}`,
  ]) {
    throwsCode('USAGE', () => expandHosts(text))
  }
  assert.ok(performance.now() - startedAt < 2000)
})

test('whatever the list is, it gives hosts or is refused', () => {
  const pieces = ['n', '[', ']', '-', ',', '1', '09', '3', '.', ' ', '$', '/', 'x']
  withSeeds(2000, (random) => {
    const text = Array.from(
      { length: integer(random, 0, 24) },
      () => pieces[integer(random, 0, pieces.length - 1)],
    ).join('')
    try {
      const hosts = expandHosts(text)
      assert.ok(hosts.length <= HOSTS_MAX)
      assert.is(new Set(hosts).size, hosts.length)
      for (const host of hosts) assert.ok(isHost(host) && /^[A-Za-z0-9._-]+$/.test(host), host)
    } catch (error) {
      if (!(error instanceof HotblockError)) throw error
      assert.is(error.code, 'USAGE')
    }
  })
})

test('what is put together comes apart again', () => {
  withSeeds(300, (random) => {
    const width = integer(random, 1, 5)
    const from = integer(random, 0, 50)
    const to = from + integer(random, 0, 60)
    const low = String(from).padStart(width, '0')
    const expected = Array.from(
      { length: to - from + 1 },
      (_, i) => `h${String(from + i).padStart(low.length, '0')}-ib`,
    )
    assert.equal(expandHosts(`h[${low}-${to}]-ib`), expected)
  })
})

test.run()
