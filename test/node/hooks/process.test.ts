/** A hook ends in time and with status 0, whatever is wrong with the daemon, the disk, the arguments, or the job. */
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmod, mkdir, readFile, symlink, writeFile } from 'node:fs/promises'
import type { Socket } from 'node:net'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { SPOOL_BYTES_MAX } from '../../../node/hooks/core/spool.ts'
import { withFakeDaemon } from '../../support/command-line.ts'
import { hook, noted, withSocket } from '../../support/hooks.ts'
import { until } from '../../support/hosts.ts'
import { ROOT_RIGHTS } from '../../support/needed.ts'
import { withDirectory } from '../../support/temporary.ts'
import { testWith } from '../../support/tools.ts'

const NODE = ['node', '--scheduler', 'slurm', '--job', '12', '--image', 'base']

/** A home with a spool, as a daemon has left it. */
function withHome(use: (home: string, spool: string) => Promise<void>): Promise<void> {
  return withDirectory(async (home) => {
    await mkdir(join(home, 'hooks'))
    await use(home, join(home, 'hooks'))
  })
}

test('what it is given, the daemon is told, and nothing is printed', () =>
  withFakeDaemon({}, async (home, calls) => {
    const script = '#!/bin/sh\n#HOTBLOCK image=second\nexit 0\n'
    const run = await hook([...NODE, '--text', '-', '--home', home], { input: script })
    assert.equal([run.stdout, run.stderr], ['', ''])
    const lists = ['--on', 'n[1-3]', '--on', 'm1', '--seeds', 's1', '--racks', 'r1n[1-2] r2n1', '--racks', 'r3n1']
    await hook(['allocate', ...NODE.slice(1), ...lists, '--home', home])
    await hook(['submit', ...NODE.slice(1), ...lists, '--home', home])
    const told = { scheduler: 'slurm', job: '12' }
    assert.equal(
      calls.map(({ args }) => args[0]),
      [
        { moment: 'node', ...told, names: ['base', 'second'], hosts: '' },
        { moment: 'allocate', ...told, names: ['base'], hosts: 'n[1-3],m1' },
        { moment: 'submit', ...told, names: ['base'], hosts: 's1', racks: 'r1n[1-2] r2n1 r3n1' },
      ],
    )
  }))

test('a job that names no image costs the daemon nothing', () =>
  withFakeDaemon({}, async (home, calls) => {
    const run = await hook(['node', '--scheduler', 'pbs', '--text', '-', '--home', home], { input: 'mpi,gpu' })
    assert.equal([run.stdout, run.stderr, calls.length], ['', '', 0])
  }))

test('images prints what is here, one name a line, and only names', () =>
  withFakeDaemon({ held: async () => ({ names: ['a', 'b\n$(reboot)', 'c'] }) }, async (home) => {
    const run = await hook(['images', '--home', home])
    assert.equal([run.stdout, run.stderr], ['a\nc\n', ''])
    assert.is((await hook(['images', '--home', home, '--json'])).stdout, '["a","c"]\n')
  }))

test('no daemon, and one that has died', () =>
  withHome(async (home, spool) => {
    for (let i = 0; i < 2; i++) {
      const run = await hook([...NODE, '--home', home])
      assert.match(run.stderr, /^hotblock hook: NO_DAEMON: [^\n]+\n$/)
      if (i > 0) break
      const script = `require('net').createServer().listen(process.argv[1], () => process.kill(process.pid, 'SIGKILL'))`
      await once(spawn(process.execPath, ['-e', script, join(home, 'control.sock')]), 'exit')
    }
    const failure = { moment: 'node', scheduler: 'slurm', code: 'NO_DAEMON' }
    assert.equal(await noted(spool), [failure, failure])
  }))

test('a daemon that is stopped, with room in its queue of connections and without', () =>
  withHome(async (home, spool) => {
    const script = `require('net').createServer(() => {}).listen({ path: process.argv[1], backlog: 1 }, () => console.log())`
    const child = spawn(process.execPath, ['-e', script, join(home, 'control.sock')])
    try {
      await once(child.stdout, 'data')
      child.kill('SIGSTOP')
      for (let i = 0; i < 4; i++) {
        const run = await hook([...NODE, '--home', home])
        assert.match(run.stderr, /^hotblock hook: (TIMEOUT|BUSY): /)
      }
      assert.is((await noted(spool)).length, 4)
    } finally {
      child.kill('SIGKILL')
    }
  }))

const HEAD = 'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n'
const body = (text: string): string => `${HEAD}Content-Length: ${Buffer.byteLength(text)}\r\n\r\n${text}`
const ANSWERS: readonly (readonly [string, RegExp, (socket: Socket) => void])[] = [
  ['nothing, and ends', /BAD_MESSAGE/, (socket) => socket.end()],
  [
    'garbage',
    /BAD_MESSAGE/,
    (socket) => socket.end(Buffer.from(Array.from({ length: 999 }, (_, i) => (i * 31) % 256))),
  ],
  ['no JSON', /BAD_MESSAGE/, (socket) => socket.end(body('<html>'))],
  ['other JSON', /BAD_MESSAGE/, (socket) => socket.end(body('[null]'))],
  ['null', /BAD_MESSAGE/, (socket) => socket.end(body('null'))],
  ['a failure that is none', /BAD_MESSAGE/, (socket) => socket.end(body('{"error":{}}').replace('200 OK', '500 No'))],
  ['no length', /BAD_MESSAGE/, (socket) => socket.end(`${HEAD}\r\n{"unknown":[]}`)],
  ['less than it said', /BAD_MESSAGE/, (socket) => socket.end(`${HEAD}Content-Length: 99\r\n\r\n{}`)],
  ['half an answer, and then nothing', /TIMEOUT/, (socket) => void socket.write(`${HEAD}Content-Length: 99\r\n\r\n{`)],
  ['a byte now and then', /TIMEOUT/, (socket) => drip(socket)],
  ['without end', /BAD_MESSAGE|TIMEOUT/, (socket) => flood(socket)],
  ['an end at once', /NO_DAEMON|BAD_MESSAGE/, (socket) => void socket.destroy()],
  ['a failure', /NO_SPACE: the disk is full\\u001b\[31m and/, (socket) => socket.end(failure())],
]

function failure(): string {
  const error = { code: 'NO_SPACE', message: 'the disk is full\u001b[31m\nand so on', hint: '', data: {} }
  return body(JSON.stringify({ error })).replace('200 OK', '507 Full')
}

function drip(socket: Socket): void {
  const text = body('{"unknown":[]}')
  let at = 0
  const timer = setInterval(() => socket.write(text[at++ % text.length]!), 100)
  socket.on('close', () => clearInterval(timer))
}

function flood(socket: Socket): void {
  const chunk = Buffer.alloc(65_536, 'x')
  // Not after an error: a write from within the report of a failed one is reported failed too, without end.
  const more = (error?: Error | null): void => void (error || socket.destroyed || socket.write(chunk, more))
  more()
}

for (const [what, expected, answer] of ANSWERS) {
  test(`a daemon that answers with ${what}`, () =>
    withHome(async (home, spool) => {
      await withSocket(
        join(home, 'control.sock'),
        (socket) => socket.once('data', () => answer(socket)),
        async () => {
          const run = await hook([...NODE, '--home', home])
          assert.match(run.stderr, expected)
          assert.is(run.stdout, '')
          assert.is((await hook(['images', '--home', home])).stdout, '')
        },
      )
      assert.is((await noted(spool)).length, 2)
    }))
}

test('the kill switch turns all off, also where it cannot be looked at', () =>
  withFakeDaemon({}, async (home, calls) => {
    const off = join(home, 'off')
    await writeFile(off, '')
    const link = join(home, 'link')
    await symlink('/nonexistent', link)
    for (const file of [off, link, join(home, 'x'.repeat(300))]) {
      const run = await hook([...NODE, '--home', home, '--off-file', file])
      assert.equal([run.stdout, run.stderr], ['', ''])
    }
    assert.is(calls.length, 0)
    await hook([...NODE, '--home', home, '--off-file', join(home, 'absent')])
    assert.is(calls.length, 1)
  }))

test('text that is huge, binary, or never ends', () =>
  withFakeDaemon({}, async (home, calls) => {
    const args = ['node', '--scheduler', 'slurm', '--text', '-', '--home', home]
    const first = '#HOTBLOCK image=first\n'
    const names = (): unknown => (calls.at(-1)?.args[0] as { names?: unknown } | undefined)?.names
    await hook(args, { input: first + 'x'.repeat(3_000_000) })
    assert.equal(names(), ['first'])
    // What is cut would have been another name.
    const long = `${first}${'#\n'.repeat(32_000)}`
    await hook(args, { input: `${long.padEnd(65_536 - 20, '#')}\n#HOTBLOCK image=cut-here-in-the-name\n` })
    assert.equal(names(), ['first'])
    await hook(args, { input: Buffer.concat([Buffer.alloc(5000, 0xff), Buffer.from(`\n${first}`)]) })
    const waiting = await hook(args, { input: first, open: true })
    assert.equal(names(), ['first'])
    assert.ok(waiting.ms < 1500)
    await hook(args, { open: true })
    assert.is(calls.length, 4)
  }))

test('arguments that are wrong are counted, and what can be used is', () =>
  withFakeDaemon({}, async (home, calls) => {
    const spool = join(home, 'spool')
    await mkdir(spool)
    const at = ['--home', home, '--spool', spool]
    const wrong = [
      [],
      ['never'],
      ['node', '--nonsense', 'x'],
      ['node', '--job', '-'],
      ['allocate', '--on', 'n[1', '--image', 'a'],
      ['allocate', '--on', 'n[1-99999]', '--image', 'b'],
      ['node', '--image', '$(touch /tmp/x)', '--image', 'c'],
      ['node', ...Array.from({ length: 10 }, (_, i) => `--image=d${i}`)],
    ]
    for (const args of wrong) assert.match((await hook([...args, ...at])).stderr, /^hotblock hook: (USAGE|BAD_NAME): /)
    assert.is((await noted(spool)).length, wrong.length)
    const told = calls.map(({ args }) => args[0] as { names: string[]; hosts: string })
    assert.equal(
      told.map(({ names }) => names[0]),
      ['a', 'b', 'c', 'd0'],
    )
    assert.ok(told.every(({ hosts }) => hosts === ''))
  }))

test('the environment is not read', () =>
  withDirectory(async (directory) => {
    const [theirs, home] = [join(directory, 'theirs'), join(directory, 'home')]
    await mkdir(theirs)
    await mkdir(join(home, 'hooks'), { recursive: true })
    let asked = 0
    const count = (): void => void asked++
    const socket = join(theirs, 'control.sock')
    await withSocket(socket, count, async () => {
      const env = { HOTBLOCK_HOME: theirs, HOME: theirs, XDG_CACHE_HOME: theirs, XDG_DATA_HOME: theirs }
      await hook(['node', '--image', 'a', '--spool', join(home, 'hooks')], { env: { ...env, HOTBLOCK_DEBUG: '1' } })
      assert.is(asked, 0)
      assert.equal(
        (await noted(join(home, 'hooks'))).map(({ scheduler }) => scheduler),
        ['unknown'],
      )
      execFileSync('sh', ['-c', 'test -z "$(ls -A "$1" | grep -v control.sock)"', 'sh', theirs])
    })
  }))

test('signals end it with status 0', () =>
  withHome(async (home) => {
    await withSocket(
      join(home, 'control.sock'),
      () => {},
      async () => {
        for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) {
          await hook([...NODE, '--home', home], { kill: { signal, afterMs: 400 } })
        }
      },
    )
  }))

test('nobody reads what it says, and the pipe is full or closed', () =>
  withHome(async (home, spool) => {
    const fill = 'head -c 60000 /dev/zero >&2; head -c 5536 /dev/zero >&2;'
    const script = `set -- "${process.execPath}" "$@"; { ${fill} exec "$@"; } 2>&1 >/dev/null | sleep 3`
    const main = join(import.meta.dirname, '..', '..', '..', 'node', 'main.ts')
    const child = spawn('bash', ['-c', script, 'bash', main, 'hook', ...NODE, '--home', home], { stdio: 'ignore' })
    const ended = once(child, 'exit')
    await until(async () => (await noted(spool)).length === 1, 'the failure is noted')
    await ended
    const closed = await hook([...NODE, '--home', home], { stdio: ['ignore', 'ignore', 'ignore'] })
    assert.is(closed.status, 0)
    const shut = spawn('sh', [
      '-c',
      'exec "$@" 2>&- >&- <&-',
      'sh',
      process.execPath,
      main,
      'hook',
      ...NODE,
      '--home',
      home,
    ])
    assert.equal(await once(shut, 'exit'), [0, null])
  }))

test('a spool that is absent, full, a link, a pipe, or a directory', () =>
  withDirectory(async (home) => {
    const file = `failures-${process.getuid?.() ?? 0}.log`
    const said = async (): Promise<string> => (await hook([...NODE, '--home', home])).stderr
    assert.match(await said(), /not counted/)
    await mkdir(join(home, 'hooks'))
    await writeFile(join(home, 'hooks', file), 'x'.repeat(SPOOL_BYTES_MAX))
    assert.match(await said(), /not counted: the spool is full/)
    const target = join(home, 'target')
    await writeFile(target, '')
    for (const make of [['ln', '-s', target], ['ln', target], ['mkfifo'], ['mkdir']]) {
      execFileSync('rm', ['-rf', join(home, 'hooks', file)])
      execFileSync(make[0]!, [...make.slice(1), join(home, 'hooks', file)])
      assert.match(await said(), /not counted/)
    }
    assert.is(await readFile(target, 'utf8'), '')
  }))

testWith(ROOT_RIGHTS)('a disk that is full, and a home that another user may not enter', () =>
  withDirectory(async (directory) => {
    const disk = join(directory, 'disk')
    await mkdir(disk)
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', disk])
    try {
      await mkdir(join(disk, 'hooks'))
      await writeFile(join(disk, 'log'), '')
      execFileSync('sh', ['-c', 'cat /dev/zero > "$1" 2>/dev/null || true', 'sh', join(disk, 'filling')])
      const run = await hook([...NODE, '--home', disk])
      assert.match(run.stderr, /NO_DAEMON.*not counted: ENOSPC/)
    } finally {
      execFileSync('umount', [disk])
    }
    await chmod(directory, 0o700)
    const other = await hook([...NODE, '--home', directory], { uid: 65534, gid: 65534, cwd: '/' })
    assert.match(other.stderr, /^hotblock hook: BAD_HOME: .*EACCES.*not counted/)
  }),
)

test.run()
