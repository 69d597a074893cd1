/** Prints the published schema of scenarios, for simulations/scenarios/scenario.schema.json. */
import { scenarioJsonSchema } from '../../simulations/scenario/json-schema.ts'

export function scenarioSchemaText(): string {
  return `${JSON.stringify(scenarioJsonSchema(), null, 2)}\n`
}

if (import.meta.main) process.stdout.write(scenarioSchemaText())
