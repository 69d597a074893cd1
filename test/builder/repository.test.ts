/** The repository: whole or not at all, also when the process dies at any step; ranges and names of downloads. */
import { spawnSync } from 'node:child_process'
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { imageFileName } from '../../builder/repository/entry.ts'
import { readRange } from '../../builder/repository/range.ts'
import { openRepository, type Repository } from '../../builder/repository/repository.ts'
import { silentLog } from '../../protocols/ports.ts'
import { rejectsCode, throwsCode } from '../support/failures.ts'
import { ENTRY } from '../support/farm/entry.ts'
import { integer, withSeeds } from '../support/seeds.ts'
import { withDirectory } from '../support/temporary.ts'

const CHILD = join(import.meta.dirname, '..', 'support', 'farm', 'repository-child.ts')
const ADD = ['made', 'files', 'synced', 'aside', 'visible'] as const

function open(directory: string, images: ReadonlySet<string> = new Set(['bafyroot'])): Promise<Repository> {
  return openRepository({
    directory: join(directory, 'repository'),
    imagePath: (root) => (images.has(root) ? `/images/${root}` : undefined),
    removeImage: async () => {},
    log: silentLog,
  })
}

function die(directory: string, step: string, what: string): void {
  const { signal, stdout, stderr } = spawnSync(process.execPath, [CHILD, directory, step, what], { encoding: 'utf8' })
  assert.is(signal, 'SIGKILL', `${step}: ${stdout}${stderr}`)
}

for (const step of ADD) {
  test(`a kill at "${step}" of adding leaves an entry that is whole, or none`, async () => {
    await withDirectory(async (directory) => {
      die(directory, step, 'add')
      const repository = await open(directory)
      assert.is(repository.list().length, step === 'visible' ? 1 : 0)
      const left = readdirSync(join(directory, 'repository'))
      assert.equal(left, step === 'visible' ? [ENTRY.key] : [], 'what was half-made is cleared away')
      await repository.add(ENTRY, { 'config.xml': { data: '<image/>' } })
      assert.is(repository.need(ENTRY.key).name, 'image')
    })
  })
}

for (const [step, names] of [
  ['synced', ['image']],
  ['visible', ['newer']],
] as const) {
  test(`a kill at "${step}" of replacing leaves ${names}`, async () => {
    await withDirectory(async (directory) => {
      die(directory, step, 'replace')
      assert.equal(
        (await open(directory)).list().map(({ name }) => name),
        [...names],
      )
    })
  })
}

for (const [step, count] of [
  ['image removed', 1],
  ['removed', 0],
] as const) {
  test(`a kill at "${step}" of removing leaves ${count} entries, and no rest`, async () => {
    await withDirectory(async (directory) => {
      die(directory, step, 'remove')
      const repository = await open(directory, new Set())
      assert.is(repository.list().length, count)
      assert.is(readdirSync(join(directory, 'repository')).length, count)
      assert.is(repository.ready(ENTRY.key), undefined)
      if (count === 1) await repository.remove(ENTRY.key)
    })
  })
}

test('an entry that cannot be read is left out, and left where it is', async () => {
  await withDirectory(async (directory) => {
    const place = join(directory, 'repository', ENTRY.key)
    mkdirSync(place, { recursive: true })
    writeFileSync(join(place, 'meta.json'), '{"version":1')
    assert.equal((await open(directory)).list(), [])
    assert.equal(readdirSync(place), ['meta.json'])
  })
})

test('entries are found by key, by its beginning and by name; nothing of a text becomes a path', async () => {
  await withDirectory(async (directory) => {
    const repository = await open(directory)
    const beside = { 'config.xml': { data: '<image/>' } }
    const first = await repository.add(ENTRY, beside)
    const second = await repository.add({ ...ENTRY, key: `${'ab'.repeat(31)}cc`, madeAt: 3 }, beside)
    assert.is(repository.find(ENTRY.key).madeAt, 2)
    assert.is(repository.find('image').key, second.key, 'the newest of a name')
    assert.is(repository.find(second.key.slice(0, 63)).key, second.key)
    for (const text of ['abababab', 'ab', '../..', '', '/etc/passwd'])
      throwsCode('NO_BUILD', () => repository.find(text))
    assert.match(repository.path(first, 'config.xml'), new RegExp(`${ENTRY.key}/config.xml$`))
    throwsCode('NO_BUILD', () => repository.path(first, 'kernel'))
    await rejectsCode('NO_BUILD', repository.remove('../x'))
  })
})

test('ranges follow RFC 9110', () => {
  const cases: [string | undefined, ReturnType<typeof readRange>][] = [
    [undefined, 'whole'],
    ['bytes=0-0', { first: 0, last: 0 }],
    ['bytes=0-', { first: 0, last: 99 }],
    ['bytes=99-', { first: 99, last: 99 }],
    ['bytes=100-', 'none'],
    ['bytes=10-1000', { first: 10, last: 99 }],
    ['bytes=-1', { first: 99, last: 99 }],
    ['bytes=-1000', { first: 0, last: 99 }],
    ['bytes=-0', 'none'],
    ['bytes=5-4', 'whole'],
    ['bytes=0-1,4-5', 'whole'],
    ['lines=1-2', 'whole'],
    ['bytes=-', 'whole'],
    ['bytes=99999999999999999-', 'whole'],
  ]
  for (const [header, expected] of cases) assert.equal(readRange(header, 100), expected, String(header))
})

test('a range never leads out of the file', () => {
  withSeeds(300, (random) => {
    const bytes = integer(random, 1, 50)
    const part = (): string => (random() < 0.3 ? '' : String(integer(random, 0, 60)))
    const range = readRange(`bytes=${part()}-${part()}`, bytes)
    if (typeof range === 'string') return
    assert.ok(range.first >= 0 && range.first <= range.last && range.last < bytes)
  })
})

test('a download is called as its image, with the type once', () => {
  assert.is(imageFileName({ name: 'a', config: ENTRY.config }), 'a.tar')
  assert.is(imageFileName({ name: 'a.tar', config: ENTRY.config }), 'a.tar')
})

test.run()
