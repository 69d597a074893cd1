import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { planRecovery, type RecoveryAction, type RecoveryFile, type RecoveryRow } from '../../../node/store/recovery.ts'

const ROOT = `b${'a'.repeat(58)}`
const OTHER = `b${'c'.repeat(58)}`
const PART = `${ROOT}.part`
const SIZE = 1000

function file(name: string, bytes = SIZE, regular = true): RecoveryFile {
  return { name, bytes, regular }
}

function row(state: RecoveryRow['state']): RecoveryRow {
  return { root: ROOT, state, imageBytes: SIZE }
}

type Lies = 'none' | 'right' | 'wrong'
const LIES: readonly Lies[] = ['none', 'right', 'wrong']
const BYTES = { right: SIZE, wrong: SIZE - 1 }

/** What is to be done for each state of the row, the file with the final name and the part. */
const EXPECTED: Record<RecoveryRow['state'], Record<Lies, Record<Lies, string[]>>> = {
  complete: {
    none: { none: ['remove'], right: ['demote'], wrong: ['demote'] },
    right: { none: [], right: ['unlink'], wrong: ['unlink'] },
    wrong: { none: ['demote'], right: ['demote'], wrong: ['demote'] },
  },
  partial: {
    none: { none: ['remove'], right: [], wrong: ['demote'] },
    right: { none: ['finish'], right: ['unlink', 'finish'], wrong: ['unlink', 'finish'] },
    wrong: { none: ['demote'], right: ['demote'], wrong: ['demote'] },
  },
  removing: {
    none: { none: ['remove'], right: ['remove'], wrong: ['remove'] },
    right: { none: ['remove'], right: ['remove'], wrong: ['remove'] },
    wrong: { none: ['remove'], right: ['remove'], wrong: ['remove'] },
  },
}

for (const state of ['complete', 'partial', 'removing'] as const) {
  for (const final of LIES) {
    for (const part of LIES) {
      const expected = EXPECTED[state][final][part]
      test(`row ${state}, file ${final}, part ${part}: ${expected.join(', ') || 'nothing'}`, () => {
        const files: RecoveryFile[] = []
        if (final !== 'none') files.push(file(ROOT, BYTES[final]))
        if (part !== 'none') files.push(file(PART, BYTES[part]))
        const actions = planRecovery([row(state)], files)
        assert.equal(
          actions,
          expected.map((kind) => (kind === 'unlink' ? { kind, name: PART } : { kind, root: ROOT })),
        )
        assert.equal(planRecovery([row(state)], files.reverse()), actions, 'in whatever order the directory lists them')
      })
    }
  }
}

test('files of ours that no row speaks of go, before the rows are seen to', () => {
  const names = [OTHER, `${OTHER}.part`, 'import-0123456789abcdef.tmp']
  const actions = planRecovery([row('removing')], [file(ROOT), ...names.map((name) => file(name, 7))])
  assert.equal(actions, [
    ...names.map((name): RecoveryAction => ({ kind: 'unlink', name })),
    { kind: 'remove', root: ROOT },
  ])
})

test('what is not ours stays, whatever it is called', () => {
  const files = [
    file('notes.txt'),
    file('import-0123.tmp'),
    file('import-0123456789ABCDEF.tmp'),
    file('lost+found', 4096, false),
    file(`${ROOT}.bak`),
    file(`x${ROOT}`),
    file(ROOT.slice(0, -1)),
    file(ROOT.toUpperCase()),
    file(`${ROOT}.part.part`),
    file('import-0123456789abcdef.tmp', 0, false),
  ]
  assert.equal(
    planRecovery([], files),
    files.map(({ name }) => ({ kind: 'foreign', name })),
  )
})

test('a directory with the name of an image is not its bytes', () => {
  const actions = planRecovery([row('complete')], [file(ROOT, SIZE, false)])
  assert.equal(actions, [
    { kind: 'foreign', name: ROOT },
    { kind: 'remove', root: ROOT },
  ])
})

test('an empty home and each image by itself', () => {
  assert.equal(planRecovery([], []), [])
  const other: RecoveryRow = { root: OTHER, state: 'partial', imageBytes: 5 }
  assert.equal(planRecovery([row('complete'), other], [file(ROOT), file(`${OTHER}.part`, 5)]), [])
  assert.equal(planRecovery([row('complete'), other], [file(ROOT), file(`${OTHER}.part`, SIZE)]), [
    { kind: 'demote', root: OTHER },
  ])
})

test.run()
