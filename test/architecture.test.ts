/** Holds the rules of ARCHITECTURE.md that a program can check. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { failureTable } from './support/failure-table.ts'
import { importsOf, ROOT, type Source, sourcesOf, target, withoutComments } from './support/sources.ts'

const LINES_MAX = 400
const AREAS = ['node', 'protocols', 'builder', 'simulations'] as const
type Area = (typeof AREAS)[number]

/** What the files of an area may import of the project's own, besides the area itself. */
const MAY_USE: Readonly<Record<Area, readonly string[]>> = {
  protocols: [],
  node: ['protocols/'],
  builder: ['protocols/', 'node/'],
  simulations: ['protocols/', 'node/decisions/'],
}
/** Of builder/ and simulations/ only the entry may load commands, and only when they are asked for. */
const ENTRY = 'node/main.ts'

const FILE_SYSTEM = /^(node:)?(fs|fs\/promises|lmdb|child_process|worker_threads|piscina)$/
const IO =
  /^(node:)?(fs|fs\/promises|net|tls|http|https|dgram|dns|timers|timers\/promises|child_process|worker_threads|process|perf_hooks|crypto|os)$/
const IO_PACKAGES = /^(libp2p|@libp2p\/|@chainsafe\/|undici|fastify|lmdb|piscina|pino|it-|datastore-)/
const IMPURE = /\bDate\b|\bMath\.random\b|\bset(?:Timeout|Interval|Immediate)\b|\bperformance\b|\bprocess\b|\bfetch\(/
/** What of simulations/ may read files, and wait for the user. */
const SIMULATIONS_IO = /^simulations\/(?:files\.ts|cli\/)/
/** A strategy at work is a Process, so that word is not looked for. */
const SIMULATIONS_IMPURE = /\bDate\b|\bMath\.random\b|\bset(?:Timeout|Interval|Immediate)\b|\bperformance\b|\bfetch\(/

const all = sourcesOf(...AREAS)

test('there is something to check', () => {
  assert.ok(all.length > 50)
  assert.ok(all.filter(({ path }) => path.startsWith('node/decisions/')).length > 0)
  assert.ok(all.some(({ imports }) => imports.some(({ kind }) => kind === 'dynamic')))
})

test('imports are found in all their forms', () => {
  const text = [
    "import a from './a.ts'",
    'import {',
    '  b,',
    "} from './b.ts'",
    "import type { C } from './c.ts'",
    "import './d.ts'",
    "export * from './e.ts'",
    "export { f } from './f.ts'",
    "export type { G } from './g.ts'",
    "  const h = await import('./h.ts')",
    "new URL('./i.ts', import.meta.url)",
    "// import './no.ts'",
    "/** import './no.ts' */",
    "export const k = 'from'",
    "export const from = './no.ts'",
  ].join('\n')
  const found = importsOf(text).map(({ specifier, kind }) => `${kind} ${specifier}`)
  assert.equal(found.sort(), [
    'dynamic ./h.ts',
    'dynamic ./i.ts',
    'static ./a.ts',
    'static ./b.ts',
    'static ./d.ts',
    'static ./e.ts',
    'static ./f.ts',
    'type ./c.ts',
    'type ./g.ts',
  ])
})

test('dependencies point one way', () => {
  assert.equal(violations(all, directionProblem), [])
})

test('protocols touches no file system', () => {
  const protocols = all.filter(({ path }) => path.startsWith('protocols/'))
  assert.equal(
    violations(protocols, (_source, { specifier }) => FILE_SYSTEM.test(specifier)),
    [],
  )
})

test('decisions import nothing but decisions and protocols', () => {
  const decisions = all.filter(({ path }) => path.startsWith('node/decisions/'))
  const wrong = violations(decisions, (source, imported) => {
    const to = target(source, imported)
    if (to === undefined) return IO.test(imported.specifier) || IO_PACKAGES.test(imported.specifier)
    return !to.startsWith('node/decisions/') && !to.startsWith('protocols/')
  })
  assert.equal(wrong, [])
})

test('what decisions import does no input or output either', () => {
  const byPath = new Map(all.map((source) => [source.path, source]))
  const reached = new Set(all.filter(({ path }) => path.startsWith('node/decisions/')).map(({ path }) => path))
  const wrong: string[] = []
  for (const path of reached) {
    const source = byPath.get(path)
    if (source === undefined) continue
    for (const imported of source.imports.filter(({ kind }) => kind !== 'type')) {
      const to = target(source, imported)
      if (to !== undefined) reached.add(to)
      // Hashing is no input or output: protocols may use node:crypto for it.
      else if (imported.specifier === 'node:crypto' && path.startsWith('protocols/')) continue
      else if (IO.test(imported.specifier) || IO_PACKAGES.test(imported.specifier)) {
        wrong.push(`${path} → ${imported.specifier}`)
      }
    }
  }
  assert.equal(wrong, [])
})

test('decisions take time and chance as arguments', () => {
  const wrong = all
    .filter(({ path }) => path.startsWith('node/decisions/'))
    .filter(({ text }) => IMPURE.test(withoutComments(text)))
  assert.equal(paths(wrong), [])
})

test('simulations read files in one place, and take time and chance as arguments everywhere', () => {
  const core = all.filter(({ path }) => path.startsWith('simulations/') && !SIMULATIONS_IO.test(path))
  assert.ok(core.length > 20)
  assert.equal(
    violations(core, (_source, { specifier }) => IO.test(specifier) || IO_PACKAGES.test(specifier)),
    [],
  )
  assert.equal(paths(core.filter(({ text }) => SIMULATIONS_IMPURE.test(withoutComments(text)))), [])
})

test('virtual nodes neither rank nor draw: that is for decisions/; the DHT alone draws whom it names', () => {
  const nodes = all.filter(({ path }) => path.startsWith('simulations/hotblock/') && !path.endsWith('/registry.ts'))
  assert.ok(nodes.length > 5)
  const chooses = /\.(?:sort|toSorted)\(|\brandom\(\)/
  assert.equal(paths(nodes.filter(({ text }) => chooses.test(withoutComments(text)))), [])
})

test('only the entry reads the environment', () => {
  const wrong = all.filter(({ path, text }) => path !== ENTRY && /\bprocess\.(env|argv)\b/.test(withoutComments(text)))
  assert.equal(paths(wrong), [])
})

test(`no file is longer than ${LINES_MAX} lines`, () => {
  const wrong = all.filter(({ text }) => text.trimEnd().split('\n').length > LINES_MAX)
  assert.equal(paths(wrong), [])
})

test('every import of a file leads to a file', () => {
  const known = new Set(paths([...all, ...sourcesOf('test')]))
  const wrong = violations([...all, ...sourcesOf('test')], (source, imported) => {
    const to = target(source, imported)
    return to?.endsWith('.ts') === true && !known.has(to)
  })
  // The forms that this very file checks the parser with are in its text.
  assert.equal(
    wrong.filter((line) => !line.startsWith('test/architecture.test.ts ')),
    [],
  )
})

test('every test file runs its tests, and each of them', () => {
  const tests = sourcesOf('test').filter(({ path }) => path.endsWith('.test.ts'))
  assert.ok(tests.length > 10)
  const silent = tests.filter(({ text }) => !/^\w*(?:[tT]est\w*|[sS]uite\w*)?\.?run\(\)/m.test(withoutComments(text)))
  assert.equal(paths(silent), [])
  const partial = tests.filter(({ path, text }) => {
    return path !== 'test/architecture.test.ts' && /\b\w+\.(?:only|skip)\(/.test(withoutComments(text))
  })
  assert.equal(paths(partial), [])
})

test("the README's table of failures is the catalogue", () => {
  const readme = readFileSync(join(ROOT, 'README.md'), 'utf8')
  assert.ok(readme.includes(`\n${failureTable()}\n`), 'print the right one with: node test/support/failure-table.ts')
})

function directionProblem(source: Source, imported: Source['imports'][number]): boolean {
  const to = target(source, imported)
  if (to === undefined) return false
  const area = source.path.split('/')[0] as Area
  if (to.startsWith(`${area}/`) || to === 'package.json') return false
  if (source.path === ENTRY && imported.kind !== 'static') return false
  return !MAY_USE[area].some((folder) => to.startsWith(folder))
}

function violations(
  sources: readonly Source[],
  isWrong: (source: Source, imported: Source['imports'][number]) => boolean,
): string[] {
  return sources.flatMap((source) => {
    return source.imports
      .filter((imported) => isWrong(source, imported))
      .map(({ specifier }) => `${source.path} → ${specifier}`)
  })
}

function paths(sources: readonly Source[]): string[] {
  return sources.map(({ path }) => path)
}

test.run()
