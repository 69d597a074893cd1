/** From the text of a scenario file to a scenario: everything in it checked, defaults filled in. Pure. */
import type { z } from 'zod'
import { HotblockError } from '../../protocols/errors.ts'
import { type Scenario, scenarioSchema } from './schema.ts'

export const SCENARIO_BYTES_MAX = 4 * 1024 * 1024
/** Problems that are named; who has mended these sees the others. */
const PROBLEMS_MAX = 5

/**
 * @param text JSON
 * @param source what to call it in messages: its path
 * @throws BAD_SCENARIO with the path of what is wrong within the document
 */
export function readScenario(text: string, source: string): Scenario {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (error) {
    throw badScenario(source, `is no JSON: ${(error as Error).message.split('\n')[0]}`)
  }
  return checkScenario(value, source)
}

/** @throws BAD_SCENARIO */
export function checkScenario(value: unknown, source: string): Scenario {
  const read = scenarioSchema.safeParse(value)
  if (read.success) return read.data
  const { issues } = read.error
  const problems = issues.flatMap(problemsOf)
  const more = problems.length > PROBLEMS_MAX ? `; and ${problems.length - PROBLEMS_MAX} more` : ''
  throw badScenario(source, `${problems.slice(0, PROBLEMS_MAX).join('; ')}${more}`, pathOf(issues[0]!.path))
}

export function badScenario(source: string, problem: string, field = ''): HotblockError {
  return new HotblockError('BAD_SCENARIO', `${source}: ${problem}`, { source, field })
}

function problemsOf(issue: z.core.$ZodIssue): string[] {
  const path = pathOf(issue.path)
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => `${path === '' ? '' : `${path}.`}${shown(key)} is no setting`)
  }
  const message = issue.message.replace(/^Invalid input: /, '').replace(/^Invalid option: /, '')
  return [path === '' ? message : `${path}: ${message}`]
}

/** groups[2].hot */
function pathOf(path: readonly PropertyKey[]): string {
  return path
    .map((step) => (typeof step === 'number' ? `[${step}]` : `.${shown(String(step))}`))
    .join('')
    .replace(/^\./, '')
}

function shown(key: string): string {
  return /^[\w$-]{1,64}$/.test(key) ? key : JSON.stringify(key.slice(0, 64))
}
