import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmod, mkdir, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { BlockRows } from '../../../node/store/block-rows.ts'
import { HOME_VERSION } from '../../../node/store/home.ts'
import { loadIdentity } from '../../../node/store/identity.ts'
import { BLOCKS_FILE, openStore } from '../../../node/store/open.ts'
import type { HotblockError } from '../../../protocols/errors.ts'
import { rejectsCode } from '../../support/failures.ts'
import { ROOT } from '../../support/sources.ts'
import { adoptImage, checkStore, seededImage, withStore } from '../../support/stores.ts'
import { withDirectory } from '../../support/temporary.ts'

const A = seededImage(1, 4)
const MANY = seededImage(2, 600)
/** Its user id on Debian. */
const NOBODY = 65_534

/** Every path below a directory with its bytes, mode and time of change. */
async function snapshot(directory: string): Promise<Record<string, string>> {
  const all: Record<string, string> = {}
  for (const name of (await readdir(directory, { recursive: true })).sort()) {
    const path = join(directory, name)
    const { mode, mtimeMs } = await stat(path)
    const text = (await stat(path)).isFile() ? (await readFile(path)).toString('hex') : ''
    all[name] = `${mode} ${mtimeMs} ${text}`
  }
  return all
}

/** root may write everywhere, and so becomes nobody meanwhile. */
async function asOrdinaryUser(use: () => Promise<void>): Promise<void> {
  if (process.getuid?.() !== 0) return use()
  process.seteuid!(NOBODY)
  try {
    await use()
  } finally {
    process.seteuid!(0)
  }
}

/** A process that has the home open. */
async function holder(home: string): Promise<ChildProcess> {
  const script = join(ROOT, 'test', 'support', 'store-child.ts')
  const child = spawn(process.execPath, [script, home, 'hold'], { stdio: ['ignore', 'pipe', 'inherit'] })
  await once(createInterface({ input: child.stdout }), 'line')
  return child
}

test('a home is one at a time, in this process too, by whatever path', () =>
  withDirectory(async (directory) => {
    const home = join(directory, 'home')
    const store = await openStore(home, { floorBytes: 0 })
    await symlink(home, join(directory, 'link'))
    const failure = await rejectsCode('DAEMON_RUNNING', openStore(home))
    assert.is(failure.data.home, home)
    await rejectsCode('DAEMON_RUNNING', openStore(join(directory, 'link')))
    await rejectsCode('DAEMON_RUNNING', openStore(home))
    await adoptImage(store, A)
    await store.close()
    await withStore(home, {}, (again) => checkStore(again, [A]))
  }))

test('of those that open a home at the same time one gets it', () =>
  withDirectory(async (home) => {
    const opened = await Promise.allSettled([1, 2, 3].map(() => openStore(home, { floorBytes: 0 })))
    const won = opened.filter((each) => each.status === 'fulfilled')
    assert.is(won.length, 1)
    for (const each of opened) if (each.status === 'rejected') assert.is(each.reason.code, 'DAEMON_RUNNING')
    await won[0]?.value.close()
  }))

test('a home that another process has open is DAEMON_RUNNING; kill -9 of that process lets go of it', () =>
  withDirectory(async (home) => {
    const child = await holder(home)
    try {
      await rejectsCode('DAEMON_RUNNING', openStore(home))
      await rejectsCode('DAEMON_RUNNING', openStore(home))
    } finally {
      child.kill('SIGKILL')
      await once(child, 'exit')
    }
    await withStore(home, {}, async (store) => assert.equal(store.images(), []))
  }))

test('a start that fails lets go of the home', () =>
  withDirectory(async (home) => {
    await withStore(home, {}, async () => {})
    await rm(join(home, 'images'), { recursive: true })
    await writeFile(join(home, 'images'), '')
    await rejectsCode('BAD_HOME', openStore(home))
    await rm(join(home, 'images'))
    await withStore(home, {}, async () => {})
  }))

test('a home of a newer version is HOME_TOO_NEW, and nothing of it is changed', () =>
  withDirectory(async (home) => {
    await withStore(home, {}, (store) => adoptImage(store, A))
    await writeFile(join(home, 'version'), `${HOME_VERSION + 1}\n`)
    const before = await snapshot(home)
    const failure = await rejectsCode('HOME_TOO_NEW', openStore(home))
    assert.is(failure.data.version, HOME_VERSION + 1)
    assert.equal(await snapshot(home), before)
  }))

test('a newer home that this version knows little of is left as it is', () =>
  withDirectory(async (home) => {
    await writeFile(join(home, 'version'), '999999999')
    await writeFile(join(home, 'index'), 'a file now')
    const before = await snapshot(home)
    await rejectsCode('HOME_TOO_NEW', openStore(home))
    assert.equal(await snapshot(home), before)
  }))

for (const text of ['', '0\n', '-1', '1.0', 'one', '1\n2\n', ' 1', `${'9'.repeat(30)}\n`]) {
  test(`a version ${JSON.stringify(text)} is BAD_HOME`, () =>
    withDirectory(async (home) => {
      await writeFile(join(home, 'version'), text)
      await rejectsCode('BAD_HOME', openStore(home))
      assert.equal(await readdir(home), ['version'])
    }))
}

for (const name of ['images', 'index']) {
  test(`a directory with ${name} of somebody else is BAD_HOME, and nothing in it is changed`, () =>
    withDirectory(async (directory) => {
      await mkdir(join(directory, name))
      await writeFile(join(directory, name, 'holiday.jpg'), 'x')
      const before = await snapshot(directory)
      await rejectsCode('BAD_HOME', openStore(directory))
      assert.equal(await snapshot(directory), before)
    }))
}

test('a lock that is no lock of ours is BAD_HOME, and stays', () =>
  withDirectory(async (directory) => {
    await writeFile(join(directory, 'lock'), 'my key')
    await rejectsCode('BAD_HOME', openStore(directory))
    assert.is(await readFile(join(directory, 'lock'), 'utf8'), 'my key')
    assert.equal(await readdir(directory), ['lock'])
  }))

test('what a first start has left that was killed early is taken up', () =>
  withDirectory(async (home) => {
    await loadIdentity(home)
    await writeFile(join(home, 'lock'), '')
    await withStore(home, {}, async () => {})
    await rm(join(home, 'index'), { recursive: true })
    await rm(join(home, 'images'), { recursive: true })
    await withStore(home, {}, (store) => adoptImage(store, A))
    assert.is(await readFile(join(home, 'version'), 'utf8'), `${HOME_VERSION}\n`)
  }))

test('a file, or a path below a file, is BAD_HOME with the path in the message', () =>
  withDirectory(async (directory) => {
    const file = join(directory, 'file')
    await writeFile(file, 'x')
    for (const home of [file, join(file, 'below'), join(file, 'far', 'below')]) {
      const failure = await rejectsCode('BAD_HOME', openStore(home))
      assert.match(failure.message, file)
      assert.is(failure.message.includes('\n'), false)
      await rejectsCode('BAD_HOME', loadIdentity(home))
    }
    assert.is(await readFile(file, 'utf8'), 'x')
  }))

test('a home that this user cannot write is BAD_HOME', () =>
  withDirectory(async (home) => {
    await chmod(home, 0o500)
    await asOrdinaryUser(async () => {
      await rejectsCode('BAD_HOME', openStore(home))
      await rejectsCode('BAD_HOME', loadIdentity(home))
    })
    await chmod(home, 0o700)
  }))

test('an index that is no index is BAD_HOME, and images are left alone', () =>
  withDirectory(async (home) => {
    await withStore(home, {}, (store) => adoptImage(store, A))
    await writeFile(join(home, 'index', 'data.mdb'), Buffer.alloc(65_536, 0x5a))
    const before = await snapshot(join(home, 'images'))
    const failure = await rejectsCode('BAD_HOME', openStore(home))
    assert.is(failure.message.includes('\n'), false)
    assert.equal(await snapshot(join(home, 'images')), before)
    await rejectsCode('BAD_HOME', openStore(home))
  }))

for (const [harm, doHarm] of Object.entries({
  'that is missing': (path: string) => rm(path),
  'that is no database': (path: string) => writeFile(path, Buffer.alloc(65_536, 0x5a)),
  'that was being made anew': async (path: string) => {
    await rm(path)
    const rows = new BlockRows(path)
    await rows.close()
  },
  'with damaged pages, once they were found': async (path: string) => {
    const bytes = await readFile(path)
    await writeFile(path, bytes.fill(0x5a, bytes.length / 2))
    const rows = new BlockRows(path)
    assert.throws(
      () => rows.range({}),
      (error: HotblockError) => error.code === 'DAMAGED',
    )
    await rows.close()
  },
})) {
  test(`an index of blocks ${harm} is made anew from the tables`, () =>
    withDirectory(async (home) => {
      await withStore(home, {}, async (store) => {
        for (const image of [A, MANY]) await adoptImage(store, image)
      })
      await doHarm(join(home, 'index', BLOCKS_FILE))
      await withStore(home, {}, (store) => checkStore(store, [A, MANY]))
      await withStore(home, {}, async (store) => {
        await checkStore(store, [A, MANY])
        assert.is(store.blocks.size, A.offsets.length + MANY.offsets.length)
      })
    }))
}

test('an identity is made once, for this user alone, and stays the same', () =>
  withDirectory(async (directory) => {
    const home = join(directory, 'new', 'home')
    const [first, second] = await Promise.all([loadIdentity(home), loadIdentity(home)])
    const path = join(home, 'identity.key')
    assert.is((await stat(path)).mode & 0o777, 0o600)
    assert.ok(first.equals(second), 'two that make it at once have the same')
    assert.equal(await readdir(home), ['identity.key'])
    await chmod(path, 0o644)
    assert.ok((await loadIdentity(home)).equals(first))
    assert.is((await stat(path)).mode & 0o777, 0o600, 'a copy that was open to others is closed')
  }))

test('an identity that is damaged is BAD_HOME, and is not replaced', () =>
  withDirectory(async (home) => {
    await loadIdentity(home)
    const path = join(home, 'identity.key')
    const whole = await readFile(path)
    // A key of 64 bytes behind the head of a protobuf: each part of it counts.
    for (const bytes of [Buffer.alloc(0), whole.subarray(0, 20), Buffer.from('nonsense'), Buffer.alloc(68)]) {
      await writeFile(path, bytes)
      const failure = await rejectsCode('BAD_HOME', loadIdentity(home))
      assert.match(failure.message, path)
      assert.equal(await readFile(path), bytes)
    }
    await rm(path)
    await mkdir(path)
    await rejectsCode('BAD_HOME', loadIdentity(home))
  }))

test.run()
