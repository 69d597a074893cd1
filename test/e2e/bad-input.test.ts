/** What a user or a machine does wrong to real nodes: one clear line, its exit status, and nothing is lost. */
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { socketPath } from '../../node/control/socket.ts'
import { FAILURES, type FailureCode } from '../../protocols/errors.ts'
import { copyPackages, findTool, makeTar, sameBytes } from '../support/images.ts'
import { publishOn, type RunningNode, startNode } from '../support/nodes.ts'
import { finish, start } from '../support/processes.ts'

const MIB = 1024 * 1024

interface Context {
  directory: string
  image: string
  home: string
  node: RunningNode
}

const test = suite<Context>('bad input')

test.before(async (context) => {
  context.directory = await mkdtemp(join(tmpdir(), 'hotblock-bad-'))
  const tree = join(context.directory, 'tree')
  await mkdir(tree)
  await copyPackages(tree, ['libp2p', 'multiformats'])
  context.image = await makeTar(tree, join(context.directory, 'good.tar'))
  context.home = join(context.directory, 'home')
  context.node = await startNode({ home: context.home })
  await publishOn(context.node, context.image, 'good')
})

test.after(async ({ node, directory }) => {
  await node.kill()
  await rm(directory, { recursive: true, force: true })
})

function run(home: string, ...args: string[]) {
  return finish(start([...args, '--home', home]))
}

/** Runs a command with --json: one line and a hint on stderr, the error as a document on stdout, the exit status. */
async function fails(code: FailureCode, home: string, ...args: string[]): Promise<string> {
  const { status, stdout, stderr } = await run(home, '--json', ...args)
  const text = `${args.join(' ')}: ${stderr}`
  assert.is(status, FAILURES[code].exit, text)
  const [line, hint, ...rest] = stderr.split('\n').filter((one) => !one.startsWith('{'))
  assert.match(line!, new RegExp(`^hotblock: ${code}: .`), text)
  assert.equal([hint, ...rest], [`  ${FAILURES[code].hint}`, ''], text)
  const { error } = JSON.parse(stdout) as { error: { code: string; message: string; hint: string } }
  assert.is(error.code, code)
  assert.is(error.hint, FAILURES[code].hint)
  assert.is(line, `hotblock: ${code}: ${error.message}`)
  return error.message
}

/** The node's image is as it was, file and list. */
async function nothingLost({ home, image }: Context): Promise<void> {
  const { status, stdout } = await run(home, 'images', '--json')
  assert.is(status, 0)
  const rows = JSON.parse(stdout) as { name: string; state: string; root: string }[]
  assert.equal(
    rows.map(({ name, state }) => `${name} ${state}`),
    ['good complete'],
  )
  assert.equal(await readdir(join(home, 'images')), [rows[0]!.root])
  assert.ok(await sameBytes(join(home, 'images', rows[0]!.root), image))
}

test('files and names that are none, given to a real node', async (context) => {
  const { home, directory, image } = context
  await writeFile(join(directory, 'empty'), '')
  const absent = join(directory, 'absent')
  assert.is(await fails('NO_SUCH_FILE', home, 'publish', absent, '--name', 'x'), `no such file: ${absent}`)
  assert.match(await fails('BAD_FILE', home, 'publish', directory, '--name', 'x'), /is a directory/)
  assert.match(await fails('BAD_FILE', home, 'publish', join(directory, 'empty'), '--name', 'x'), /is empty/)
  for (const name of ['a/b', '../good', 'good\nbad']) {
    assert.not.match(await fails('BAD_NAME', home, 'publish', image, '--name', name), /\p{Cc}/u)
    assert.not.match(await fails('BAD_NAME', home, 'fetch', name), /\p{Cc}/u)
  }
  await nothingLost(context)
})

test('a second daemon for the home, and one for the port: refused, and the first goes on', async (context) => {
  const { home, directory, node } = context
  const listen = ['--listen', '/ip4/127.0.0.1/tcp/0']
  assert.match(await fails('DAEMON_RUNNING', home, 'daemon', ...listen), new RegExp(home))
  const port = /\/tcp\/(\d+)\//.exec(node.address)![1]!
  const other = join(directory, 'other')
  const taken = `/ip4/127.0.0.1/tcp/${port}`
  assert.match(await fails('LISTEN', other, 'daemon', '--listen', taken), /the port is in use/)
  // The home of the daemon that did not start is free for one that does.
  const second = await startNode({ home: other })
  await second.stop()
  await nothingLost(context)
})

test('a daemon that was killed: its socket says so, and the next one has all that it had', async (context) => {
  const { home, image } = context
  const { peer } = context.node
  await context.node.kill()
  assert.ok(existsSync(socketPath(home)), 'the dead socket is there')
  for (const args of [['status'], ['images'], ['publish', image, '--name', 'x']]) {
    assert.is(await fails('NO_DAEMON', home, ...args), `no daemon is running in ${home}`)
  }
  context.node = await startNode({ home })
  assert.is(context.node.peer, peer)
  await nothingLost(context)
  assert.is((await run(home, 'verify')).status, 0)
})

test('a home of a newer version is left as it is, and works again with the version that wrote it', async (context) => {
  const { home } = context
  await context.node.stop()
  const version = join(home, 'version')
  const before = await readFile(version)
  await writeFile(version, '7\n')
  const files = (await readdir(home, { recursive: true })).sort()
  assert.match(await fails('HOME_TOO_NEW', home, 'daemon', '--listen', '/ip4/127.0.0.1/tcp/0'), /format 7/)
  assert.equal((await readdir(home, { recursive: true })).sort(), files)
  assert.is(await readFile(version, 'utf8'), '7\n')
  await writeFile(version, before)
  context.node = await startNode({ home })
  await nothingLost(context)
})

/** Mounts a small file system, if this user may; what is there is gone afterwards. */
async function withSmallDisk(path: string, bytes: number, use: () => Promise<void>): Promise<boolean> {
  await mkdir(path)
  const mount = findTool('mount')
  const umount = findTool('umount')
  if (process.getuid?.() !== 0 || mount === undefined || umount === undefined) return false
  if (spawnSync(mount, ['-t', 'tmpfs', '-o', `size=${bytes}`, 'hotblock-test', path]).status !== 0) return false
  try {
    await use()
    return true
  } finally {
    spawnSync(umount, ['-l', path])
  }
}

test('a full disk below the place of an output, and below a home: NO_SPACE, and what was there stays', async (context) => {
  const { home, directory, node, image } = context
  const { size } = await stat(image)
  const disk = join(directory, 'disk')
  const ran = await withSmallDisk(disk, Math.floor(size / 2), async () => {
    await writeFile(join(disk, 'mine'), 'precious')
    assert.match(await fails('NO_SPACE', home, 'fetch', 'good', '--output', join(disk, 'out.tar')), /full|space|fit/)
    assert.equal(await readdir(disk), ['mine'], 'nothing half-made is left')
    await nothingLost(context)
  })
  if (!ran) {
    console.log('no small disk could be mounted: left out')
    return
  }
  const homeDisk = join(directory, 'homedisk')
  await withSmallDisk(homeDisk, 24 * MIB, async () => {
    const floor = ['--floor', '0']
    const worker = await startNode({
      home: join(homeDisk, 'h'),
      bootstrap: [node.address],
      trust: [node.peer],
      flags: floor,
    })
    try {
      const { status, stderr } = await run(worker.home, 'fetch', 'good')
      assert.is(status, 0, stderr)
      const { root } = (await worker.api.images({ mesh: false }))[0]!
      await worker.api.pin('good', true)
      // Somebody else fills the disk behind the node's back, all but a little.
      await fill(join(homeDisk, 'filler'))
      await fails('NO_SPACE', worker.home, 'publish', '/proc/self/exe', '--name', 'big')
      const other = join(directory, 'other.tar')
      await makeTar(join(directory, 'tree', 'usr', 'lib', 'node_modules', 'libp2p'), other)
      await publishOn(node, other, 'other')
      await fails('NO_SPACE', worker.home, 'fetch', 'other')
      await rm(join(homeDisk, 'filler'))
      const after = await worker.api.images({ mesh: false })
      assert.equal(
        after.filter(({ state }) => state === 'complete').map((row) => row.root),
        [root],
      )
      assert.is((await run(worker.home, 'verify')).status, 0)
      const again = await run(worker.home, 'fetch', 'other')
      assert.is(again.status, 0, `with room again it goes on: ${again.stderr}`)
    } finally {
      await worker.stop()
    }
  })
})

/** Writes a file until the disk is full. */
async function fill(path: string): Promise<void> {
  const block = Buffer.alloc(64 * 1024, 1)
  for (;;) {
    try {
      await writeFile(path, block, { flag: 'a' })
    } catch (error) {
      assert.is((error as NodeJS.ErrnoException).code, 'ENOSPC')
      return
    }
  }
}

test.run()
