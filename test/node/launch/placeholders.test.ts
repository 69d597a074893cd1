import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { fillPlaces, readWith } from '../../../node/launch/placeholders.ts'
import { throwsCode } from '../../support/failures.ts'

const PLACES = new Map([
  ['', '/o/overlay'],
  ['format', 'qcow2'],
  ['kernel', '/i/kernel {format}'],
])

test('placeholders are filled wherever they stand, once', () => {
  assert.equal(fillPlaces(['{}', 'file={},format={format}', '{kernel}', 'plain'], PLACES), [
    '/o/overlay',
    'file=/o/overlay,format=qcow2',
    '/i/kernel {format}',
    'plain',
  ])
})

/** What a shell would put a variable in place of. */
const VARIABLE = ['$', '{HOME}'].join('')

test('other braces stay as they are', () => {
  const args = ['{initrd}', '{ }', '{"a":{}}', VARIABLE, '{Format}', '{', '}', '{{}}', '{a,b}', '']
  assert.equal(fillPlaces(args, PLACES), [
    '{initrd}',
    '{ }',
    '{"a":/o/overlay}',
    VARIABLE,
    '{Format}',
    '{',
    '}',
    '{/o/overlay}',
    '{a,b}',
    '',
  ])
})

test('--with names a place and an image', () => {
  assert.equal(readWith('kernel=web.kernel'), { place: 'kernel', name: 'web.kernel' })
  assert.equal(readWith('a-1=x=y'), { place: 'a-1', name: 'x=y' })
  for (const text of ['', 'kernel', '=x', 'kernel=', 'Kernel=x', '1=x', 'overlay=x', 'format=x', 'image=x']) {
    throwsCode('USAGE', () => readWith(text))
  }
})

test.run()
