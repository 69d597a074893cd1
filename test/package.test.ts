/**
 * The package as npm would publish it, installed into an empty folder: what is in it, and that it runs with nothing but
 * its declared dependencies.
 */
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { globSync, mkdtempSync, rmSync } from 'node:fs'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import { promisify } from 'node:util'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { FetchReport, PublishReport, StatusReport } from '../node/api.ts'
import type { HashReport } from '../node/cli/commands/hash.ts'
import { seededRandom } from '../protocols/ports.ts'
import { randomBytes } from './support/seeds.ts'
import { ROOT } from './support/sources.ts'

const IMAGE_BYTES = 300_000

interface Installed {
  directory: string
  /** The extracted package. */
  packageDirectory: string
  home: string
  files: string[]
}

const test = suite<Installed>('package')
const started: ChildProcess[] = []

// uvu says nothing of a hook that fails.
test.before((context) => {
  return install(context).catch((error: Error & { stdout?: string }) => {
    console.error(error, error.stdout)
    throw error
  })
})

test.after(({ directory }) => {
  for (const child of started) child.kill('SIGKILL')
  rmSync(directory, { recursive: true, force: true })
})

test('it holds the compiled program and its papers, and nothing else', ({ files }) => {
  const program = /^dist\/(?:node|protocols|builder|simulations)\/.+\.(?:js|d\.ts)$/
  const catalogue = /^dist\/builder\/catalog\/(?:classes|groups|appliances)\/[a-z0-9-]+\.yaml$/
  const pages = /^dist\/builder\/web\/(?:templates\/[a-z]+\.eta|static\/[a-z]+\.(?:css|js|svg))$/
  const scenarios = /^dist\/simulations\/scenarios\/[a-z0-9.-]+\.(?:json|swf)$/
  const hooks = /^dist\/node\/hooks\/[a-z]+\/[A-Za-z0-9._-]+$/
  const kinds = [program, catalogue, pages, hooks, scenarios]
  const others = files.filter((path) => !kinds.some((kind) => kind.test(path)))
  assert.equal(others.sort(), ['LICENSE', 'README.md', 'package.json'])
  for (const path of ['dist/node/main.js', 'dist/node/pool/worker.js', 'dist/builder/publish.js']) {
    assert.ok(files.includes(path), path)
  }
  const scripts = globSync('node/hooks/*/*', { cwd: ROOT }).filter((path) => !path.endsWith('.ts'))
  assert.ok(scripts.length > 20)
  for (const path of scripts) assert.ok(files.includes(`dist/${path}`), path)
  const sources = globSync('builder/catalog/*/*.yaml', { cwd: ROOT })
  assert.equal(files.filter((path) => catalogue.test(path)).sort(), sources.map((path) => `dist/${path}`).sort())
})

test('the catalogue that ships with it is found', async ({ packageDirectory }) => {
  const path = join(packageDirectory, 'dist', 'builder', 'catalog', 'load.js')
  const script = `import(${JSON.stringify(path)}).then(async ({ loadCatalog }) => {
    console.log([...(await loadCatalog()).classes.keys()].join())
  })`
  assert.match(await run('-e', packageDirectory, [script]), /\bdebian12\b/)
})

test('the scenarios that ship with it are found', async (context) => {
  const { scenarios } = await json<{ scenarios: { name: string }[] }>(context, 'simulate', '--list', '--json')
  assert.ok(scenarios.some(({ name }) => name === 'cern-2010'))
})

test('the command says its version', async (context) => {
  const { version } = JSON.parse(await readFile(join(ROOT, 'package.json'), 'utf8')) as { version: string }
  assert.is((await hotblock(context, '--version')).trim(), version)
})

test('threads are found: an image is hashed', async (context) => {
  const file = join(context.directory, 'a.img')
  await writeFile(file, randomBytes(seededRandom(17), IMAGE_BYTES))
  const report = await json<HashReport>(context, 'hash', file, '--json')
  assert.is(report.imageBytes, IMAGE_BYTES)
  assert.match(report.root, /^bafy/)
})

test('a node makes its identity, publishes, fetches and stops', async (context) => {
  const { home, directory } = context
  const file = join(directory, 'b.img')
  await writeFile(file, randomBytes(seededRandom(18), IMAGE_BYTES))
  const { peer } = await json<{ peer: string }>(context, 'id', '--json', '--home', home)
  const daemon = startDaemon(context)
  const ready = await firstLine(daemon)
  assert.is(ready.ready, true)
  assert.is(ready.peer, peer)
  const published = await json<PublishReport>(context, 'publish', file, '--name', 'b', '--json', '--home', home)
  assert.is(published.sequence, 1)
  const output = join(directory, 'copy.img')
  const fetched = await json<FetchReport>(context, 'fetch', 'b', '--output', output, '--json', '--home', home)
  assert.is(fetched.root, published.root)
  assert.equal(await readFile(output), await readFile(file))
  const status = await json<StatusReport>(context, 'status', '--json', '--home', home)
  assert.is(status.peer, peer)
  assert.is(status.images.complete, 1)
  const ended = once(daemon, 'exit')
  await hotblock(context, 'stop', '--home', home)
  assert.equal(await ended, [0, null])
})

test('a farm starts, with its pages and what they load', async (context) => {
  const { packageDirectory, directory } = context
  const home = join(directory, 'farm')
  const main = join(packageDirectory, 'dist', 'node', 'main.js')
  const listen = ['--listen', '/ip4/127.0.0.1/tcp/0', '--listen-http', '127.0.0.1:0', '--log-level', 'warn']
  const farm = spawn(process.execPath, [main, 'farm', '--json', '--home', home, ...listen], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  started.push(farm)
  const { url } = await firstLine(farm)
  for (const path of [
    '/',
    '/request/advanced',
    '/status',
    '/static/farm.css',
    '/static/farm.js',
    '/api/openapi.json',
  ]) {
    assert.is((await fetch(`${url}${path}`)).status, 200, path)
  }
  const ended = once(farm, 'exit')
  await hotblock(context, 'stop', '--home', home)
  assert.equal(await ended, [0, null])
})

test('programs can import the control client, with its types', async ({ directory }) => {
  const folder = join(directory, 'empty')
  const program = [
    "import { connectControl } from 'hotblock/control'",
    "import type { StatusReport } from 'hotblock/api'",
    'const daemon = connectControl(process.argv[2]!)',
    'const outcome: StatusReport | string = await daemon.status().catch((error: { code: string }) => error.code)',
    '// @ts-expect-error: were the types not found, this would be no error',
    'const wrong: string = await daemon.gc()',
    'await daemon.close()',
    'console.log(outcome, wrong)',
  ]
  await writeFile(join(folder, 'use.mts'), program.join('\n'))
  const types = join(ROOT, 'node_modules', '@types')
  const options = ['--noEmit', '--strict', '--skipLibCheck', '--module', 'nodenext', '--target', 'es2024']
  const compiler = join(ROOT, 'node_modules', 'typescript', 'bin', 'tsc')
  await run(compiler, folder, [...options, '--types', 'node', '--typeRoots', types, 'use.mts'])
  const script = "import('hotblock/control').then(({ connectControl }) => console.log(typeof connectControl))"
  assert.is((await run('-e', folder, [script])).trim(), 'function')
})

async function install(context: Installed): Promise<void> {
  context.directory = mkdtempSync(join(tmpdir(), 'hotblock-package-'))
  context.home = join(context.directory, 'home')
  const packed = await npm(ROOT, 'pack', '--silent', '--json', '--pack-destination', context.directory)
  const [{ filename, files }] = JSON.parse(packed.slice(packed.indexOf('[\n'))) as [
    { filename: string; files: { path: string }[] },
  ]
  context.files = files.map(({ path }) => path)
  const folder = join(context.directory, 'empty')
  await mkdir(folder)
  await writeFile(join(folder, 'package.json'), '{"private":true}\n')
  const tarball = join(context.directory, filename)
  await npm(folder, 'install', '--omit=dev', '--prefer-offline', '--no-audit', '--no-fund', '--prefix', folder, tarball)
  context.packageDirectory = join(folder, 'node_modules', 'hotblock')
}

function startDaemon({ packageDirectory, home }: Installed): ChildProcess {
  const main = join(packageDirectory, 'dist', 'node', 'main.js')
  const args = [
    'daemon',
    '--json',
    '--home',
    home,
    '--listen',
    '/ip4/127.0.0.1/tcp/0',
    '--floor',
    '0',
    '--log-level',
    'silent',
  ]
  const child = spawn(process.execPath, [main, ...args], { stdio: ['ignore', 'pipe', 'inherit'] })
  started.push(child)
  return child
}

async function firstLine(child: ChildProcess): Promise<Record<string, unknown>> {
  for await (const line of createInterface({ input: child.stdout! })) return JSON.parse(line)
  throw new Error('the daemon ended without a line')
}

async function json<T>(context: Installed, ...args: string[]): Promise<T> {
  return JSON.parse(await hotblock(context, ...args)) as T
}

/** Runs the command by the link that npm has made for it. */
function hotblock({ packageDirectory }: Installed, ...args: string[]): Promise<string> {
  return run(join(packageDirectory, '..', '.bin', 'hotblock'), packageDirectory, args)
}

/** Runs Node 24 on a script. */
async function run(script: string, cwd: string, args: readonly string[]): Promise<string> {
  const { stdout } = await promisify(execFile)(process.execPath, [script, ...args], { cwd, maxBuffer: 2 ** 26 })
  return stdout
}

async function npm(cwd: string, ...args: string[]): Promise<string> {
  // Of npm's own variables, those that say where the outer npm works would lead the inner one there.
  const inherited = Object.entries(process.env).filter(([name]) => {
    return !/^(?:npm_(?:package|lifecycle|command|execpath|config_(?:local_|global_)?prefix)|INIT_CWD)/.test(name)
  })
  const PATH = [dirname(process.execPath), process.env.PATH].join(delimiter)
  const env = { ...Object.fromEntries(inherited), PATH }
  const { stdout } = await promisify(execFile)('npm', args, { cwd, env, maxBuffer: 2 ** 26 })
  return stdout
}

test.run()
