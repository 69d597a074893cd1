/** Scenarios, tables and traces as files; the only part of simulations/ that reads and writes any. */
import { open, readdir, writeFile } from 'node:fs/promises'
import { basename, dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { asHotblockError, HotblockError } from '../protocols/errors.ts'
import { decodeTableFile, TABLE_FILE_BYTES_MAX } from '../protocols/table/file.ts'
import type { Table } from '../protocols/table/table.ts'
import type { Attached } from './scenario/cluster.ts'
import { badScenario, readScenario, SCENARIO_BYTES_MAX } from './scenario/read.ts'
import type { Scenario } from './scenario/schema.ts'
import { readTrace, TRACE_BYTES_MAX, type Trace, TraceProblem } from './scenario/swf.ts'

/** The scenarios that ship. */
const SHIPPED = fileURLToPath(new URL('scenarios/', import.meta.url))
const SCENARIO_SUFFIX = '.json'
const SCHEMA_FILE = 'scenario.schema.json'

export interface ScenarioFile {
  /** Its path. */
  readonly source: string
  readonly scenario: Scenario
}

/**
 * @param given name of a shipped scenario, or undefined
 * @param path the same as a path
 * @throws BAD_SCENARIO, NO_SUCH_FILE, BAD_FILE
 */
export async function loadScenario(given: string, path: string): Promise<ScenarioFile> {
  const shipped = (await shippedNames()).includes(given)
  const source = shipped ? join(SHIPPED, given + SCENARIO_SUFFIX) : path
  try {
    const text = (await readBounded(source, SCENARIO_BYTES_MAX)).toString('utf8')
    return { source, scenario: readScenario(text, shipped ? given : path) }
  } catch (error) {
    if (!(error instanceof HotblockError) || error.code !== 'NO_SUCH_FILE') throw error
    const message = `no such scenario: ${given}; hotblock simulate --list names those that ship`
    throw new HotblockError('NO_SUCH_FILE', message, { path: source }, error)
  }
}

export async function shippedNames(): Promise<string[]> {
  const files = await readdir(SHIPPED)
  return files
    .filter((file) => file.endsWith(SCENARIO_SUFFIX) && file !== SCHEMA_FILE)
    .map((file) => basename(file, SCENARIO_SUFFIX))
    .sort()
}

/**
 * Reads what a scenario names: relative to the file that it is in.
 *
 * @throws BAD_SCENARIO, BAD_TABLE, NO_SUCH_FILE, BAD_FILE
 */
export async function loadAttached({ scenario, source }: ScenarioFile): Promise<Attached> {
  const { image, groups, arrival } = scenario
  const names = [image.table, ...groups.flatMap(({ has }) => has ?? [])].filter((name) => name !== undefined)
  const tables = new Map<string, Table>()
  for (const name of new Set(names)) tables.set(name, await loadTable(resolve(dirname(source), name)))
  const trace = arrival.kind === 'jobs' ? await loadTrace(resolve(dirname(source), arrival.trace)) : undefined
  return { tables, trace }
}

/** A table as `hotblock hash --save` writes it. @throws BAD_FILE, NO_SUCH_FILE */
export async function loadTable(path: string): Promise<Table> {
  const bytes = await readBounded(path, TABLE_FILE_BYTES_MAX)
  try {
    return decodeTableFile(bytes)
  } catch (error) {
    if (!(error instanceof HotblockError)) throw error
    throw new HotblockError('BAD_FILE', `no table that hotblock hash --save wrote: ${path}`, { path }, error)
  }
}

async function loadTrace(path: string): Promise<Trace> {
  const text = (await readBounded(path, TRACE_BYTES_MAX)).toString('utf8')
  try {
    return readTrace(text)
  } catch (error) {
    if (error instanceof TraceProblem) throw badScenario(path, error.message, 'arrival.trace')
    throw error
  }
}

/** @throws BAD_FILE, NO_SPACE */
export async function writeReport(path: string, html: string): Promise<void> {
  await writeFile(path, html).catch((error: unknown) => {
    throw asHotblockError(error)
  })
}

async function readBounded(path: string, bytesMax: number): Promise<Buffer> {
  try {
    await using handle = await open(path, 'r')
    const { size } = await handle.stat()
    if (size > bytesMax) throw new HotblockError('BAD_FILE', `${path} has more than ${bytesMax} bytes`, { path })
    return await handle.readFile()
  } catch (error) {
    throw asHotblockError(error)
  }
}
