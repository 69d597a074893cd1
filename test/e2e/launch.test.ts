/** Commands on overlays over images of a real daemon: how they end, and what is left when they do, however they do. */
import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { FAILURES } from '../../protocols/errors.ts'
import { rejectsCode } from '../support/failures.ts'
import { launchOn, overlaysOf, sha256, until } from '../support/launches.ts'
import { fetchOn, publishOn, type RunningNode, startNode } from '../support/nodes.ts'
import { ROOT } from '../support/sources.ts'
import { withDirectory } from '../support/temporary.ts'
import { missingTools, tool } from '../support/tools.ts'

const MIB = 1024 * 1024
const BYTES = 4 * MIB

interface Context {
  node: RunningNode
  directory: string
  image: string
}

const test = suite<Context>('launch')
let over: () => void = () => {}

test.before(async (context) => {
  assert.equal(missingTools(['qemu-img', 'flock', 'script']), [], 'tools are missing')
  const ready = Promise.withResolvers<void>()
  const ended = new Promise<void>((resolve) => {
    over = resolve
  })
  void withDirectory(async (directory) => {
    const node = await startNode({ home: join(directory, 'h') })
    const file = join(directory, 'disk.img')
    await writeFile(file, randomBytes(BYTES))
    await publishOn(node, file, 'disk')
    const { path } = await fetchOn(node, 'disk')
    Object.assign(context, { node, directory, image: path })
    ready.resolve()
    await ended
    await context.node.stop()
  }).catch(ready.reject)
  await ready.promise
})
test.after(() => over())

const SHELL = (script: string): string[] => ['sh', '-c', script, 'sh', '{}', '{format}', '{image}']

test('the command writes to its overlay; the image keeps its bytes; nothing is left', async ({ node, image }) => {
  const before = await sha256(image)
  const write = 'head -c 4194304 /dev/zero > "$1.zeros" && qemu-img convert -n -f raw -O "$2" "$1.zeros" "$1"'
  const compare = 'qemu-img compare -f raw -F "$2" "$1.zeros" "$1" && echo "$2 $3 $4 {image}" && exit 23'
  const { status, stdout } = await launchOn(node.home, 'disk', [], SHELL(`${write} && ${compare}`)).end
  assert.is(status, 23)
  assert.ok(stdout.endsWith(`qcow2 ${image}  ${image}\n`), stdout)
  assert.is(await sha256(image), before)
  assert.equal(await overlaysOf(node.home), [])
})

test('two at a time have overlays of their own', async ({ node }) => {
  const both = [1, 2].map(() => launchOn(node.home, 'disk', [], SHELL('echo "$1"; sleep 1')))
  const paths = await Promise.all(both.map(async ({ end }) => (await end).stdout))
  assert.is(new Set(paths).size, 2)
  assert.equal(await overlaysOf(node.home), [])
})

test('signals reach the command, and its end is the end', async ({ node }) => {
  for (const [signal, status] of [
    ['SIGTERM', 41],
    ['SIGHUP', 42],
    ['SIGINT', 43],
    ['SIGUSR1', 44],
  ] as const) {
    const trap = `trap 'exit ${status}' ${signal.slice(3)}; echo ready; while :; do sleep 0.05; done`
    const { child, text, end } = launchOn(node.home, 'disk', [], ['sh', '-c', trap])
    await until(`the command of ${signal} runs`, () => text().includes('ready'))
    child.kill(signal)
    assert.is((await end).status, status, signal)
  }
  const { child, text, end } = launchOn(node.home, 'disk', [], ['sh', '-c', 'echo ready; exec sleep 60'])
  await until('the command runs', () => text().includes('ready'))
  child.kill('SIGTERM')
  assert.is((await end).status, 128 + 15)
  assert.equal(await overlaysOf(node.home), [])
})

test('a command that asks for patience gets it: a second signal is a second signal', async ({ node }) => {
  const trap =
    'n=0; trap "n=$((n+1)); echo got" TERM; echo ready; for i in 1 2 3 4 5 6 7 8 9 10; do sleep 0.1; done; exit 5'
  const { child, text, end } = launchOn(node.home, 'disk', [], ['sh', '-c', trap])
  await until('the command runs', () => text().includes('ready'))
  child.kill('SIGTERM')
  await until('the first signal is there', () => text().includes('got'))
  child.kill('SIGTERM')
  assert.is((await end).status, 5)
})

test('while it runs the image cannot be removed, afterwards it can be', async ({ node, directory }) => {
  const file = join(directory, 'other.img')
  await writeFile(file, randomBytes(MIB))
  await publishOn(node, file, 'other')
  const { text, child, end } = launchOn(node.home, 'other', [], SHELL('echo ready; exec sleep 60'))
  await until('the command runs', () => text().includes('ready'))
  await rejectsCode('IN_USE', node.api.remove('other'))
  const inUse = async () => (await node.api.images({ mesh: false })).find(({ name }) => name === 'other')?.inUse
  assert.is(await inUse(), true)
  child.kill('SIGTERM')
  await end
  await until('the daemon lets go', async () =>
    node.api.remove('other').then(
      () => true,
      () => false,
    ),
  )
})

test('launch killed: the image is let go; the overlay stays with its command, and goes with the next launch', async ({
  node,
}) => {
  const { text, child, end } = launchOn(node.home, 'disk', [], SHELL('echo $$ "$1"; exec sleep 60 >&- 2>&-'))
  await until('the command runs', () => text().includes('overlay'))
  const [pid, path] = text().trim().split(' ') as [string, string]
  child.kill('SIGKILL')
  await end
  await launchOn(node.home, 'disk', [], ['true']).end
  assert.equal(
    (await overlaysOf(node.home)).map((name) => join(node.home, 'overlays', name, 'overlay')),
    [path],
  )
  process.kill(Number(pid), 'SIGKILL')
  await until('the overlay has gone', async () => {
    await launchOn(node.home, 'disk', [], ['true']).end
    return (await overlaysOf(node.home)).length === 0
  })
})

test('the terminal goes: so does the command, and its overlay', async ({ node }) => {
  const main = [process.execPath, join(ROOT, 'node', 'main.ts')]
  const line = [...main, 'launch', 'disk', '--home', node.home, '--', 'sh', '-c', '"exec sleep 60"'].join(' ')
  const child = spawn('script', ['-q', '-c', line, '/dev/null'], { stdio: ['pipe', 'ignore', 'ignore'] })
  await until('the command runs', async () => (await overlaysOf(node.home)).some((name) => !name.startsWith('new-')))
  await new Promise((resolve) => setTimeout(resolve, 500))
  const exited = once(child, 'exit')
  child.kill('SIGKILL')
  await exited
  await until('the overlay has gone', async () => (await overlaysOf(node.home)).length === 0)
})

test('a daemon that is killed and started anew: the command goes on, and the image is held again', async (context) => {
  const { node, image } = context
  const { text, child, end } = launchOn(node.home, 'disk', [], SHELL('echo ready; exec sleep 60'))
  await until('the command runs', () => text().includes('ready'))
  await node.kill()
  await new Promise((resolve) => setTimeout(resolve, 300))
  assert.is(child.exitCode, null)
  context.node = await startNode({ home: node.home })
  const { api } = context.node
  await api.fetch('disk', {}, () => {}, AbortSignal.timeout(20_000))
  // It asks every two seconds whether the daemon is back.
  await new Promise((resolve) => setTimeout(resolve, 3000))
  await rejectsCode('IN_USE', api.remove('disk'))
  child.kill('SIGTERM')
  assert.is((await end).status, 128 + 15)
  assert.is((await sha256(image)).length, 64)
})

test('an image that is published later is waited for, for as long as is said', async ({ node, directory }) => {
  const late = launchOn(node.home, 'late', ['--timeout', '60'], SHELL('exit 9'))
  const file = join(directory, 'late.img')
  await writeFile(file, randomBytes(MIB))
  await new Promise((resolve) => setTimeout(resolve, 1500))
  await publishOn(node, file, 'late')
  assert.is((await late.end).status, 9)
  const never = await launchOn(node.home, 'never', ['--timeout', '1'], ['true']).end
  assert.is(never.status, FAILURES.NOT_FOUND.exit, never.stderr)
})

test('other images take the places that they are given', async ({ node, image }) => {
  const flags = ['--with', 'kernel=disk', '--dir', join(node.home, 'elsewhere')]
  const { status, stdout } = await launchOn(node.home, 'disk', flags, ['echo', '{kernel}', '{initrd}', '{}']).end
  assert.is(status, 0)
  const [kernel, initrd, overlay] = stdout.trim().split(' ')
  assert.is(kernel, image)
  assert.is(initrd, '{initrd}', 'a place without an image')
  assert.ok(overlay?.startsWith(join(node.home, 'elsewhere')))
  await rm(join(node.home, 'elsewhere'), { recursive: true })
})

test('what cannot be done is said, and leaves nothing', async ({ node, directory }) => {
  const tar = join(directory, 'a.tar')
  tool('tar', ['-cf', tar, '-C', join(ROOT, 'node'), 'main.ts'])
  await publishOn(node, tar, 'tar')
  for (const [code, name, flags, command] of [
    ['NO_SUCH_FILE', 'disk', [], ['no-such-command']],
    ['BAD_FILE', 'disk', [], ['/etc/passwd']],
    ['BAD_FILE', 'tar', ['--overlay', 'qcow2'], ['true']],
    ['BAD_FILE', 'disk', ['--dir', '/etc/passwd'], ['true']],
    ['USAGE', 'disk', ['--overlay', 'lvm'], ['true']],
    ['USAGE', 'disk', ['--with', 'x'], ['true']],
    ['BAD_NAME', 'disk', ['--with', 'x=../y'], ['true']],
    ['USAGE', 'disk', [], []],
    ['BAD_NAME', '$(id)', [], ['true']],
  ] as const) {
    const { status, stderr, stdout } = await launchOn(node.home, name, flags, command).end
    assert.is(status, FAILURES[code].exit, stderr)
    assert.match(stderr, new RegExp(`^hotblock: ${code}: `))
    assert.is(stdout, '')
  }
  assert.equal(await overlaysOf(node.home), [])
})

test.run()
