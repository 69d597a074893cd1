/** What hooks take out of text that users wrote. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { OFF_FILE, readArguments } from '../../../node/hooks/core/arguments.ts'
import { isHookCall } from '../../../node/hooks/core/call.ts'
import { REFERENCES_MAX } from '../../../node/hooks/core/limits.ts'
import { chosen, isReference, kindOf, referencesOf } from '../../../node/hooks/core/references.ts'
import type { Random } from '../../../protocols/ports.ts'
import { integer, withSeeds } from '../../support/seeds.ts'

const PEER = '12D3KooWSdeE2QRm257HTPdV5kDu3wG73qj5G3v7cKZC2EiJ1iLs'
const none = { names: [], bad: 0, left: 0 }

test('a script names images in lines of their own', () => {
  const script = [
    '#!/bin/sh',
    '#SBATCH -N 4',
    '#HOTBLOCK image=bookworm',
    '#HOTBLOCK\timage=web-1.2+b  image=third',
    `#HOTBLOCK image=base@${PEER}\r`,
    '#HOTBLOCK image=bookworm',
    'echo "#HOTBLOCK image=not-at-the-start"',
    ' #HOTBLOCK image=indented',
    '#HOTBLOCKED image=other',
    '#hotblock image=small',
    'hotblock=assignment',
  ].join('\n')
  assert.is(kindOf(script), 'script')
  assert.equal(referencesOf(script), { names: ['bookworm', 'web-1.2+b', 'third', `base@${PEER}`], bad: 0, left: 0 })
})

test('a comment or a constraint names them among other things', () => {
  assert.is(kindOf('mpi,hotblock=base'), 'comment')
  assert.equal(referencesOf('mpi,hotblock=base').names, ['base'])
  assert.equal(referencesOf('hotblock=a hotblock=b;hotblock=c').names, ['a', 'b', 'c'])
  assert.equal(referencesOf('haswell&hotblock=a|[rack1*2&hotblock=b]').names, ['a', 'b'])
  assert.equal(referencesOf('"hotblock=quoted"').names, ['quoted'])
  assert.equal(referencesOf('image=a, xhotblock=b, hotblock = c'), none)
})

test('what is no name is left out, and counted', () => {
  const wrong = [
    '',
    '-x',
    '../etc/passwd',
    'a/b',
    'a b',
    '$(reboot)',
    '`id`',
    'a;reboot',
    'a\u0000b',
    'é',
    'a@',
    'a@0OIl',
  ]
  for (const text of [...wrong, 'x'.repeat(129), `a@${'1'.repeat(129)}`]) {
    assert.not(isReference(text), text)
    assert.equal(chosen([text]), { names: [], bad: 1, left: 0 })
  }
  assert.equal(referencesOf('#HOTBLOCK image=$(reboot)\n#HOTBLOCK image=ok\n'), { names: ['ok'], bad: 1, left: 0 })
  assert.equal(referencesOf('hotblock=../x,hotblock=ok'), { names: ['ok'], bad: 1, left: 0 })
})

test('a job names so many images and no more', () => {
  const names = Array.from({ length: REFERENCES_MAX + 3 }, (_, i) => `n${i}`)
  assert.equal(chosen([...names, 'n0']), { names: names.slice(0, REFERENCES_MAX), bad: 0, left: 3 })
})

test('whatever the text is, only names come out, and soon', () => {
  withSeeds(300, (random) => {
    const text = garbage(random, integer(random, 0, 400))
    for (const kind of [undefined, 'script', 'comment'] as const) {
      const { names } = referencesOf(text, kind)
      assert.ok(names.length <= REFERENCES_MAX)
      for (const name of names)
        assert.ok(/^[A-Za-z0-9][A-Za-z0-9._+-]{0,127}(@[1-9A-HJ-NP-Za-km-z]{1,128})?$/.test(name))
    }
  })
  for (const text of [' '.repeat(65_536), '#HOTBLOCK '.repeat(6000), 'hotblock='.repeat(7000), ','.repeat(65_536)]) {
    const startedAt = performance.now()
    for (const kind of ['script', 'comment'] as const) referencesOf(text, kind)
    assert.ok(performance.now() - startedAt < 500)
  }
})

function garbage(random: Random, length: number): string {
  const pieces = [
    '#HOTBLOCK',
    ' image=',
    'hotblock=',
    ',',
    '\n',
    '\0',
    'a',
    '..',
    '/',
    '$(',
    '@',
    '\r',
    '[',
    '"',
    ' ',
    'é',
  ]
  return Array.from({ length }, () => pieces[integer(random, 0, pieces.length - 1)]).join('')
}

test('arguments are read in either form, and empty ones are as good as absent', () => {
  const given = readArguments(
    [
      'hook',
      'allocate',
      '--scheduler',
      'slurm',
      '--job=12[3]',
      '--image',
      'a',
      '--image=b',
      '--on',
      'n[1-2]',
      '--seeds',
      '',
    ].concat(['--home', '/h', '--spool', '/s', '--off-file', '/o', '--text', '-', '--text-kind', 'comment', '--json']),
  )
  assert.equal(given.problems, [])
  assert.equal([given.moment, given.scheduler, given.job], ['allocate', 'slurm', '12[3]'])
  assert.equal([given.images, given.on, given.seeds], [['a', 'b'], ['n[1-2]'], []])
  assert.equal([given.home, given.spool, given.offFile], ['/h', '/s', '/o'])
  assert.equal([given.text, given.textKind, given.json], [true, 'comment', true])
})

test('what is wrong with arguments is said, and the rest is used', () => {
  const cases: readonly (readonly [string[], RegExp])[] = [
    [['hook'], /the moment must be one of/],
    [['hook', 'never'], /the moment must be one of/],
    [['hook', 'node', 'more'], /belong to no option/],
    [['hook', 'node', '--scheduler', 'Slurm!'], /--scheduler/],
    [['hook', 'node', '--job', '$(reboot)'], /--job/],
    [['hook', 'node', '--job', '1'.repeat(200)], /--job/],
    [['hook', 'node', '--home', 'relative'], /--home/],
    [['hook', 'node', '--spool', '/a\0b'], /--spool/],
    [['hook', 'node', '--text', 'file'], /--text/],
    [['hook', 'node', '--text-kind', 'prose'], /--text-kind/],
    [['hook', 'node', '--colour', 'red'], /no option --"colour"/],
    [['hook', 'node', '--image'], /--image has no value/],
    [['hook', 'node', ...Array.from({ length: 300 }, () => '--json')], /more than 256/],
  ]
  for (const [argv, problem] of cases) {
    const given = readArguments([...argv.slice(0, 2), '--image', 'kept', ...argv.slice(2)])
    assert.match(given.problems.join('; '), problem)
    assert.equal(given.images, ['kept'])
    assert.equal([given.home, given.spool, given.offFile], [undefined, undefined, OFF_FILE])
  }
})

test('a hook is told from other commands by its place', () => {
  assert.ok(isHookCall(['hook', 'node']))
  assert.ok(isHookCall(['--home', '/h', '--json', 'hook', 'node', '--job', '--help']))
  assert.ok(isHookCall(['--home=/h', 'hook', 'x']))
  for (const argv of [
    [],
    ['hook'],
    ['hook', '--help'],
    ['hook', '-h'],
    ['fetch', 'hook'],
    ['--home', 'hook'],
    ['help', 'hook'],
  ]) {
    assert.not(isHookCall(argv))
  }
})

test.run()
