/** Bad input to a daemon that runs: each gets its code, and what is on the node stays as it was. */
import { existsSync, readdirSync } from 'node:fs'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { lockHome } from '../../../node/store/lock.ts'
import { FAILURES, type FailureCode } from '../../../protocols/errors.ts'
import { seededRandom } from '../../../protocols/ports.ts'
import { hotblock } from '../../support/command-line.ts'
import { finish, firstLine, start } from '../../support/processes.ts'
import { randomBytes } from '../../support/seeds.ts'

const IMAGE_BYTES = 400_000
const QUOTA = '1M'

interface Context {
  directory: string
  home: string
  daemon: ReturnType<typeof start>
}

const test = suite<Context>('daemon')

test.before(async (context) => {
  context.directory = await mkdtemp(join(tmpdir(), 'hotblock-daemon-'))
  context.home = join(context.directory, 'home')
  const limits = ['--quota', QUOTA, '--floor', '0', '--log-level', 'error']
  context.daemon = start(['daemon', '--json', '--home', context.home, '--listen', '/ip4/127.0.0.1/tcp/0', ...limits])
  await firstLine(context.daemon)
  await writeFile(join(context.directory, 'a.img'), randomBytes(seededRandom(1), IMAGE_BYTES))
})

test.after(async ({ directory, daemon }) => {
  daemon.kill('SIGKILL')
  await rm(directory, { recursive: true, force: true })
})

function run({ home, directory }: Context, ...args: string[]) {
  return hotblock([...args, '--home', home], { environment: { cwd: directory } })
}

async function fails(context: Context, code: FailureCode, expected: RegExp, ...args: string[]): Promise<void> {
  const { status, stdout, stderr } = await run(context, ...args)
  assert.is(status, FAILURES[code].exit, `${args.join(' ')}: ${stderr}`)
  assert.is(stdout, '')
  assert.match(stderr, new RegExp(`^hotblock: ${code}: [^\\n]+\\n {2}[^\\n]+\\n$`))
  assert.match(stderr, expected)
}

test('an image is published, listed, fetched and verified', async (context) => {
  for (const args of [
    ['publish', 'a.img', '--name', 'a'],
    ['images'],
    ['images', '--mesh'],
    ['plan', 'a'],
    ['fetch', 'a', '--output', 'copy.img'],
    ['verify'],
    ['repair'],
    ['pin', 'a'],
    ['prefetch', 'a', '--wait'],
    ['status'],
    ['peers'],
    ['metrics'],
    ['id'],
  ]) {
    const { status, stderr } = await run(context, ...args)
    assert.is(status, 0, `${args.join(' ')}: ${stderr}`)
  }
  const copy = await readFile(join(context.directory, 'copy.img'))
  assert.ok(copy.equals(await readFile(join(context.directory, 'a.img'))))
})

test('files that cannot be published', async (context) => {
  const { directory } = context
  await writeFile(join(directory, 'empty'), '')
  await mkdir(join(directory, 'folder'))
  await fails(context, 'NO_SUCH_FILE', /absent/, 'publish', 'absent', '--name', 'b')
  await fails(context, 'BAD_FILE', /is a directory/, 'publish', 'folder', '--name', 'b')
  await fails(context, 'BAD_FILE', /is empty/, 'publish', 'empty', '--name', 'b')
  await fails(context, 'BAD_FILE', /regular/, 'publish', '/dev/zero', '--name', 'b')
  await fails(context, 'USAGE', /./, 'publish', 'a.img', '--name', 'b', '--cut', 'fixed:1')
  await fails(context, 'NOT_FOUND', /./, 'rm', 'b')
})

test('an image for which there is no room is refused, and a pinned one stays', async (context) => {
  const large = join(context.directory, 'large.img')
  await writeFile(large, randomBytes(seededRandom(2), 2_000_000))
  await fails(context, 'NO_SPACE', /./, 'publish', 'large.img', '--name', 'b')
  const images = JSON.parse((await run(context, 'images', '--json')).stdout) as { name: string; state: string }[]
  assert.equal(
    images.map(({ name, state }) => `${name} ${state}`),
    ['a complete'],
  )
  assert.is(readdirSync(join(context.home, 'images')).length, 1, 'nothing half-made is left')
  assert.is((await run(context, 'verify', 'a')).status, 0)
})

test('places where no file can be put', async (context) => {
  await fails(context, 'BAD_FILE', /folder/, 'fetch', 'a', '--output', 'folder')
  await fails(context, 'NO_SUCH_FILE', /absent/, 'fetch', 'a', '--output', 'absent/a.img')
  await fails(context, 'BAD_FILE', /not a directory/, 'fetch', 'a', '--output', 'empty/a.img')
  assert.not.ok(existsSync(join(context.directory, 'absent')))
  assert.equal(
    readdirSync(context.directory).filter((name) => name.endsWith('.part')),
    [],
  )
})

test('names that nobody knows', async (context) => {
  for (const command of ['pin', 'unpin', 'rm', 'verify', 'repair']) {
    await fails(context, 'NOT_FOUND', /nobody/, command, 'nobody')
  }
  await fails(context, 'TIMEOUT', /nobody/, 'prefetch', 'nobody', '--wait', '--timeout', '0.5')
})

test('the daemon says nothing of all this, and stops when it is asked to', async (context) => {
  const ended = finish(context.daemon)
  const { status, stderr } = await run(context, 'stop')
  assert.is(status, 0, stderr)
  // Who waited for the stop can start another daemon at once: the home is free.
  lockHome(context.home).release()
  assert.equal(await ended, { status: 0, stdout: '', stderr: '' })
  await fails(context, 'NO_DAEMON', /./, 'stop')
})

test.run()
