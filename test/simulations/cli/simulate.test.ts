/** `hotblock simulate`, as it is typed. */
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { stripVTControlCharacters } from 'node:util'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { seededRandom } from '../../../protocols/ports.ts'
import { encodeTableFile } from '../../../protocols/table/file.ts'
import type { SimulationResult } from '../../../simulations/result.ts'
import { hotblock } from '../../support/command-line.ts'
import { randomBytes } from '../../support/seeds.ts'
import { build, randomRows, slice } from '../../support/tables.ts'
import { withDirectory } from '../../support/temporary.ts'

const COLUMNS = 80
const SMALL = {
  name: 'small',
  title: 'a small one',
  image: { size: '64 MiB' },
  network: { racks: 2, oversubscription: 4 },
  groups: [{ name: 'node', nodes: 12 }],
  published: [{ source: 'a site', p50Seconds: 3 }],
  targets: [{ strategy: 'chain', builderCopies: 1.3, makespanPerBound: 0.1 }],
}

function withScenario(scenario: object, use: (path: string, directory: string) => Promise<void>): Promise<void> {
  return withDirectory(async (directory) => {
    const path = join(directory, 'small.json')
    await writeFile(path, JSON.stringify(scenario))
    await use(path, directory)
  })
}

test('a table of times and one of origins, within 80 columns', () => {
  return withScenario(SMALL, async (path) => {
    const { status, stdout, stderr } = await hotblock(['simulate', path], { terminal: true })
    assert.is(status, 0, stderr)
    const text = stripVTControlCharacters(stdout)
    for (const part of ['small: a small one', '12 nodes, 2 racks at 4:1', 'lower bound', 'published: a site']) {
      assert.ok(text.includes(part), `${part} is not in\n${text}`)
    }
    for (const name of ['http', 'caches', 'tree', 'chain', 'bittorrent', 'hotblock-whole', 'hotblock']) {
      assert.is(text.split('\n').filter((line) => line.trim().startsWith(`${name} `)).length, 2, name)
    }
    assert.match(text, /met {2}chain: copies that the builder sends is 1\.00, at most 1\.3/)
    assert.match(text, /missed {2}chain: makespan over the bound/)
    for (const line of text.split('\n')) assert.ok(line.length <= COLUMNS || line.includes(' at most '), line)
    // The bar shows how far it is, and is gone in the end.
    assert.match(stderr, /\d\/7 \w+ .*of 12 nodes/)
  })
})

test('where it is no terminal there are no colours and no bar', () => {
  return withScenario(SMALL, async (path) => {
    const { stdout, stderr } = await hotblock(['simulate', path, '--strategy', 'chain'])
    assert.not.ok(stdout.includes('\x1b'))
    assert.is(stderr, '')
  })
})

test('--json prints the result; flags go before the file', () => {
  return withScenario(SMALL, async (path) => {
    const flags = ['--nodes', '5', '--grain', '1.5', '--seed', '9', '--strategy', 'tree', '--strategy', 'http']
    const first = await hotblock(['simulate', path, '--json', ...flags])
    const result = JSON.parse(first.stdout) as SimulationResult
    assert.is(result.scenario, 'small')
    assert.is(result.seed, 9)
    assert.is(result.nodes, 5)
    assert.is(result.grain, 1.5)
    assert.ok(result.boundSeconds > 0)
    assert.equal(
      result.strategies.map(({ name }) => name),
      ['http', 'tree'],
    )
    for (const key of [
      'makespanSeconds',
      'p50Seconds',
      'p99Seconds',
      'p999Seconds',
      'builderCopies',
      'bytesByOrigin',
    ]) {
      assert.ok(key in result.strategies[0]!, key)
    }
    assert.is((await hotblock(['simulate', path, '--json', ...flags])).stdout, first.stdout)
  })
})

test('--report writes a page, which says how to play the same again', () => {
  return withScenario(SMALL, async (path, directory) => {
    const page = join(directory, 'page.html')
    const flags = ['--nodes', '9', '--grain', '2', '--strategy', 'chain']
    assert.is((await hotblock(['simulate', path, ...flags, '--report', page])).status, 0)
    const text = await readFile(page, 'utf8')
    assert.match(text, /^<!doctype html>/i)
    assert.ok(text.includes(`hotblock simulate ${path} --seed 1 --nodes 9 --grain 2 --strategy chain<`))
    const { status, stderr } = await hotblock(['simulate', path, '--strategy', 'chain', '--report', '/nowhere/x.html'])
    assert.is(status, 4, stderr)
  })
})

test('--list names what ships, and a name is enough', async () => {
  const { stdout } = await hotblock(['simulate', '--list', '--json'])
  const names = (JSON.parse(stdout) as { scenarios: { name: string }[] }).scenarios.map(({ name }) => name)
  assert.ok(names.includes('flash-crowd') && !names.includes('scenario.schema'))
  const flags = ['--nodes', '4', '--strategy', 'tree']
  assert.match((await hotblock(['simulate', 'flash-crowd', ...flags])).stdout, /4 nodes/)
  // It comes with a trace of its own.
  assert.match((await hotblock(['simulate', 'job-trace', '--strategy', 'chain'])).stdout, /hot, times from the arrival/)
})

test('--table plays real images, and what nodes have of them', () => {
  return withScenario(SMALL, async (path, directory) => {
    const rows = randomRows(seededRandom(1), 600, 0.2)
    const image = build(rows)
    const other = build(slice(rows, 0, 300))
    const paths = [join(directory, 'new.table'), join(directory, 'old.table')]
    await writeFile(paths[0]!, encodeTableFile(image.blobs))
    await writeFile(paths[1]!, encodeTableFile(other.blobs))
    const tables = paths.flatMap((table) => ['--table', table])
    const { stdout, stderr } = await hotblock(['simulate', path, '--strategy', 'hotblock', '--json', ...tables])
    assert.is(stderr, '')
    const { image: played } = JSON.parse(stdout) as SimulationResult
    const hot = other.table.imageBytes - other.table.zeroBytes
    assert.is(played.blockBytes, image.table.imageBytes - image.table.zeroBytes)
    assert.ok(Math.abs(played.hotFraction - hot / played.blockBytes) < 1e-4)
    assert.is(played.fileBytes, image.table.imageBytes)
  })
})

test('hotblock hash --save writes what --table reads', () => {
  return withScenario(SMALL, async (path, directory) => {
    const file = join(directory, 'a.img')
    const table = join(directory, 'a.table')
    await writeFile(file, randomBytes(seededRandom(4), 300_000))
    assert.is((await hotblock(['hash', file, '--save', table])).status, 0)
    const { stdout } = await hotblock(['simulate', path, '--table', table, '--strategy', 'chain', '--json'])
    assert.is((JSON.parse(stdout) as SimulationResult).image.fileBytes, 300_000)
  })
})

test('a run that breaks the rules fails with the seed that replays it', () => {
  return withScenario({ ...SMALL, untilSeconds: 0.1 }, async (path) => {
    const { status, stdout, stderr } = await hotblock(['simulate', path, '--json', '--seed', '5', '--strategy', 'http'])
    assert.is(status, 19)
    assert.match(stderr, /BROKEN_RULES: small with --seed 5, http: host 1 has not got the image/)
    // The result is printed all the same, once.
    assert.is((JSON.parse(stdout) as SimulationResult).seed, 5)
  })
})

test('what is wrong is said in a line', () => {
  return withScenario({ ...SMALL, groups: [{ name: 'node', nodes: 12, hot: 2 }] }, async (path, directory) => {
    for (const [args, status, message] of [
      [[path], 2, /BAD_SCENARIO: .*small\.json: groups\[0\]\.hot: /],
      [[], 2, /USAGE: name a scenario/],
      [['--list', path], 2, /USAGE: --list takes no scenario/],
      [['nothing-of-that-name'], 4, /NO_SUCH_FILE: no such scenario: nothing-of-that-name/],
      [['flash-crowd', '--nodes', '0'], 2, /USAGE: --nodes: "0" is no whole number/],
      [['flash-crowd', '--grain', '0.5'], 2, /USAGE: --grain: "0\.5" is neither auto nor a number from 1 to /],
      [['flash-crowd', '--seed', '-1'], 2, /USAGE/],
      [['flash-crowd', '--strategy', 'magic'], 2, /USAGE: --strategy: "magic" is none of http, /],
      [['flash-crowd', '--table', path], 5, /BAD_FILE: no table that hotblock hash --save wrote: .*small\.json/],
      [['flash-crowd', '--table', join(directory, 'none')], 4, /NO_SUCH_FILE/],
      [[directory], 5, /BAD_FILE/],
    ] as const) {
      const ended = await hotblock(['simulate', ...args])
      assert.is(ended.status, status, `${args.join(' ')}: ${ended.stderr}`)
      assert.match(ended.stderr, message)
      assert.is(ended.stdout, '')
    }
  })
})

test('a trace that cannot be read is named with its line', () => {
  const arrival = { kind: 'jobs', trace: 'a.swf' }
  return withScenario({ ...SMALL, arrival }, async (path, directory) => {
    await writeFile(join(directory, 'a.swf'), '; fine\n1 2 three\n')
    const { status, stderr } = await hotblock(['simulate', path])
    assert.is(status, 2)
    assert.match(stderr, /BAD_SCENARIO: .*a\.swf: line 2: 3 fields/)
  })
})

test('the user can end it', async () => {
  let interrupt: (signal: NodeJS.Signals) => void = () => {}
  const running = hotblock(['simulate', 'cern-2010'], {
    environment: {
      onSignal(callback) {
        interrupt = callback
      },
    },
  })
  setTimeout(() => interrupt('SIGINT'), 700)
  const { status, stderr } = await running
  assert.is(status, 12)
  assert.match(stderr, /CANCELLED: stopped on request/)
})

test.run()
