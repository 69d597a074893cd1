/** Whatever goes wrong gets one line, a hint and the exit status of its code, and leaves things as they were. */
import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync } from 'node:fs'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { socketPath } from '../../../node/control/socket.ts'
import { FAILURES, type FailureCode, HotblockError } from '../../../protocols/errors.ts'
import { hotblock, type RunOptions, withFakeDaemon } from '../../support/command-line.ts'
import { withDirectory } from '../../support/temporary.ts'

/** Runs a command twice, for people and with --json, and checks what both print. @returns the message */
async function fails(code: FailureCode, args: string[], options: RunOptions = {}): Promise<string> {
  const plain = await hotblock(args, options)
  const { exit, hint } = FAILURES[code]
  const text = `${args.join(' ')}: ${plain.stderr}`
  assert.is(plain.status, exit, text)
  assert.is(plain.stdout, '', text)
  const lines = plain.stderr.split('\n')
  assert.equal(lines.slice(1), [`  ${hint}`, ''], text)
  const message = lines[0]!.slice(`hotblock: ${code}: `.length)
  assert.is(lines[0], `hotblock: ${code}: ${message}`, text)
  const json = await hotblock(['--json', ...args], options)
  assert.is(json.status, exit)
  assert.is(json.stderr, plain.stderr)
  const { error } = JSON.parse(json.stdout) as { error: { code: string; message: string; hint: string; data: object } }
  assert.is(error.code, code)
  assert.is(error.hint, hint)
  assert.is(typeof error.data, 'object')
  return message
}

test('what is not understood', async () => {
  assert.match(await fails('USAGE', []), /^a command is missing$/)
  assert.match(await fails('USAGE', ['nope']), /nope/)
  assert.match(await fails('USAGE', ['status', '--nope']), /--nope/)
  assert.match(await fails('USAGE', ['status', 'extra']), /too many arguments/)
  assert.match(await fails('USAGE', ['fetch']), /name/)
  assert.match(await fails('USAGE', ['hash']), /file/)
  assert.match(await fails('USAGE', ['compare', 'a']), /'b'/)
  assert.match(await fails('USAGE', ['publish', 'x']), /--name/)
  assert.match(await fails('USAGE', ['fetch', 'a', '--timeout']), /--timeout/)
  assert.match(await fails('USAGE', ['help', 'nope']), /./)
})

test('options of a wrong value', async () => {
  const file = import.meta.filename
  for (const timeout of ['0', '-1', 'x', '1e3', 'Infinity', '9999999']) {
    assert.match(await fails('USAGE', ['fetch', 'a', `--timeout=${timeout}`]), /^--timeout: /)
  }
  await fails('USAGE', ['prefetch', 'a', '--timeout', '1'])
  for (const cut of ['', 'nope', 'fixed', 'fixed:', 'fixed:x', 'fixed:0', 'fixed:-1']) {
    await fails('USAGE', ['hash', file, `--cut=${cut}`])
  }
  for (const block of ['0', 'x', '-4096', '99999999P']) {
    assert.match(await fails('USAGE', ['hash', file, `--block=${block}`]), /^--block: /)
  }
  for (const args of [
    ['--cut', 'fixed:1'],
    ['--cut', 'fixed:1G'],
    ['--block', '1'],
    ['--block', '1G'],
  ]) {
    await fails('USAGE', ['hash', file, ...args])
  }
})

test('names that are none', async () => {
  await withFakeDaemon({}, async (home, calls) => {
    const bad = ['', 'a/b', '../a', 'a\nb', 'a b', '.a', '-', 'a\0', '\x1b[2J', 'x'.repeat(129), 'a@', 'a@b/c', 'ä']
    for (const name of bad) {
      for (const command of ['plan', 'fetch', 'prefetch', 'pin', 'unpin', 'rm', 'verify', 'repair']) {
        const message = await fails('BAD_NAME', ['--home', home, command, '--', name])
        assert.not.match(message, /\p{Cc}/u)
      }
      await fails('BAD_NAME', ['--home', home, 'publish', '/x.img', `--name=${name}`])
    }
    await fails('BAD_NAME', ['--home', home, 'publish', '/x.img', '--name=a@12D3KooWa'])
    assert.equal(calls, [])
  })
})

test('files that are no images', async () => {
  await withDirectory(async (cwd) => {
    const options = { environment: { cwd } }
    await writeFile(join(cwd, 'empty'), '')
    await writeFile(join(cwd, 'file'), 'x')
    await mkdir(join(cwd, 'directory'))
    spawnSync('mkfifo', [join(cwd, 'pipe')])
    for (const command of [['hash'], ['compare', 'file'], ['compare', '--block=4K', 'file']]) {
      assert.is(await fails('NO_SUCH_FILE', [...command, 'absent'], options), `no such file: ${join(cwd, 'absent')}`)
      assert.match(await fails('BAD_FILE', [...command, 'directory'], options), /is a directory/)
      assert.match(await fails('BAD_FILE', [...command, 'empty'], options), /is empty/)
      assert.match(await fails('BAD_FILE', [...command, 'pipe'], options), /is not a regular file/)
      assert.match(await fails('BAD_FILE', [...command, '/dev/null'], options), /is not a regular file/)
      await fails('USAGE', [...command, ''], options)
    }
    assert.match(await fails('NO_SUCH_FILE', ['hash', 'file/x'], options), /no directory/)
    await fails('BAD_FILE', ['hash', 'x'.repeat(300)], options)
    await fails('NO_SUCH_FILE', ['hash', 'line\nbreak'], options)
    assert.equal(readdirSync(cwd).sort(), ['directory', 'empty', 'file', 'pipe'])
  })
})

test('a home without a daemon, or with the socket of a dead one', async () => {
  await withDirectory(async (home) => {
    for (const args of [['status'], ['images'], ['fetch', 'a'], ['stop'], ['gc']]) {
      assert.is(await fails('NO_DAEMON', [...args, '--home', home]), `no daemon is running in ${home}`)
    }
    await fails('NO_DAEMON', ['status', '--home', join(home, 'absent')])
    const script = `require('net').createServer().listen(process.argv[1], () => process.kill(process.pid, 'SIGKILL'))`
    spawnSync(process.execPath, ['-e', script, socketPath(home)])
    assert.ok(existsSync(socketPath(home)), 'there is a dead socket')
    assert.is(await fails('NO_DAEMON', ['status', '--home', home]), `no daemon is running in ${home}`)
    const { status, stdout } = await hotblock(['id', '--json', '--home', home])
    assert.is(status, 0, 'the identity needs no daemon')
    assert.equal(JSON.parse(stdout).addresses, [])
  })
})

test('homes that cannot be used', async () => {
  await withDirectory(async (directory) => {
    const file = join(directory, 'file')
    await writeFile(file, 'precious')
    const long = join(directory, 'x'.repeat(95 - directory.length - 1))
    for (const args of [['status'], ['id'], ['daemon', '--log-level=silent', '--listen', '/ip4/127.0.0.1/tcp/0']]) {
      assert.match(await fails('BAD_HOME', [...args, '--home', file]), /not a directory/)
      assert.match(await fails('BAD_HOME', [...args, '--home', join(file, 'x')]), /not a directory/)
      assert.match(await fails('BAD_HOME', [...args, '--home', long]), /108 bytes.*107/)
      await fails('USAGE', [...args, '--home', ''])
    }
    assert.is(await readFile(file, 'utf8'), 'precious')
    assert.not.ok(existsSync(long), 'nothing is made where nothing can run')
  })
})

const DAEMON = ['daemon', '--log-level', 'silent', '--floor', '0']
/** What publishes is not called where a daemon does not start. */
const PUBLISHER = { environment: { publisher: async () => () => Promise.reject(new Error('not called')) } }

test('a daemon does not start: a home of a newer version', async () => {
  await withDirectory(async (home) => {
    await writeFile(join(home, 'version'), '999\n')
    const args = [...DAEMON, '--home', home, '--listen', '/ip4/127.0.0.1/tcp/0']
    assert.match(await fails('HOME_TOO_NEW', args, PUBLISHER), /999/)
    assert.is(await readFile(join(home, 'version'), 'utf8'), '999\n')
  })
})

test('a daemon does not start: a port in use', async () => {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as { port: number }
  try {
    await withDirectory(async (home) => {
      const args = [...DAEMON, '--home', home, '--listen', `/ip4/127.0.0.1/tcp/${port}`]
      assert.match(await fails('LISTEN', args, PUBLISHER), new RegExp(`${port}`))
      assert.not.ok(existsSync(socketPath(home)), 'no socket is left')
    })
  } finally {
    await new Promise((resolve) => server.close(resolve))
  }
})

test('a daemon does not start: settings that are wrong', async () => {
  await withDirectory(async (cwd) => {
    const options = { environment: { cwd, defaultHome: join(cwd, 'home') } }
    await writeFile(join(cwd, 'bad.yaml'), 'qouta: 1G\n')
    assert.match(await fails('BAD_CONFIG', ['daemon', '--config', 'bad.yaml'], options), /bad\.yaml: qouta: /)
    assert.match(await fails('BAD_CONFIG', ['daemon', '--quota', 'lots'], options), /^--quota: /)
    assert.match(await fails('BAD_CONFIG', ['daemon', '--listen', 'here'], options), /^--listen: /)
    assert.match(await fails('BAD_CONFIG', ['daemon', '--trust', 'me'], options), /^--trust: /)
    assert.match(await fails('BAD_CONFIG', ['daemon', '--rate-up', '1'], options), /^--rate-up: /)
    assert.match(await fails('BAD_CONFIG', ['daemon', '--log-level', 'loud'], options), /^--log-level: /)
    await fails('NO_SUCH_FILE', ['daemon', '--config', 'absent'], options)
    await fails('BAD_FILE', ['daemon', '--config', '.'], options)
    assert.equal(readdirSync(cwd), ['bad.yaml'])
  })
})

test('what the daemon fails with ends the command with its code', async () => {
  for (const code of Object.keys(FAILURES) as FailureCode[]) {
    const fail = async () => {
      throw new HotblockError(code, 'it went\nwrong \x1b]0;title\x07', { name: 'a' })
    }
    await withFakeDaemon({ gc: fail, fetch: fail }, async (home) => {
      for (const args of [['gc'], ['fetch', 'a']]) {
        assert.is(await fails(code, [...args, '--home', home]), 'it went wrong \\u001b]0;title\\u0007')
      }
    })
  }
})

test('broken blocks: the report is printed, and the exit status says it', async () => {
  const report = {
    checkedBytes: 100,
    badBlocks: 2,
    images: [{ name: 'a', root: 'bafyroot', checkedBytes: 100, badBlocks: 2 }],
  }
  const verify = async () => report
  const repair = async () => ({ ...report, repairedBlocks: 1 })
  await withFakeDaemon({ verify, repair }, async (home) => {
    for (const [command, count] of [
      ['verify', 2],
      ['repair', 1],
    ] as const) {
      const plain = await hotblock([command, '--home', home])
      assert.is(plain.status, FAILURES.DAMAGED.exit)
      assert.match(plain.stdout, /bafyroot/)
      assert.match(plain.stderr, new RegExp(`^hotblock: DAMAGED: broken blocks on this node: ${count}\n`))
      const json = await hotblock([command, '--home', home, '--json'])
      assert.is(json.status, FAILURES.DAMAGED.exit)
      const document = JSON.parse(json.stdout)
      assert.is(document.badBlocks, 2)
      assert.is(document.error.code, 'DAMAGED')
    }
    const mended = { ...report, repairedBlocks: 2 }
    await withFakeDaemon({ repair: async () => mended }, async (other) => {
      assert.is((await hotblock(['repair', '--home', other])).status, 0)
    })
  })
})

test('the first interrupt cancels, the second ends at once', async () => {
  const never: { fetch(name: string, options: object, progress: unknown, signal: AbortSignal): Promise<never> } = {
    fetch: (_name, _options, _progress, signal) => {
      return new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason)))
    },
  }
  await withFakeDaemon(never, async (home) => {
    const interrupts: (() => void)[] = []
    const environment = {
      onSignal: (callback: (signal: NodeJS.Signals) => void) => void interrupts.push(() => callback('SIGINT')),
    }
    const first = hotblock(['fetch', 'a', '--home', home], { environment })
    interrupts[0]?.()
    const { status, stderr } = await first
    assert.is(status, FAILURES.CANCELLED.exit)
    assert.match(stderr, /^hotblock: CANCELLED: /)
    const second = hotblock(['fetch', 'a', '--home', home], { environment })
    interrupts[1]?.()
    interrupts[1]?.()
    assert.is((await second).status, 130)
  })
})

test('HOTBLOCK_DEBUG adds the stack, and that of the cause', async () => {
  const { stderr } = await hotblock(['hash', '/absent'], { environment: { debug: true } })
  assert.match(stderr, /^hotblock: NO_SUCH_FILE: [^\n]+\n {2}Check the path\.\nHotblockError: [\s\S]+\n {4}at /)
  assert.match(stderr, /\ncaused by Error: ENOENT/)
})

test.run()
