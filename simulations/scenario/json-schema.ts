import { z } from 'zod'
import { scenarioSchema } from './schema.ts'

/** What a scenario file may say, for editors and other programs; conditions between fields are not in it. */
export function scenarioJsonSchema(): object {
  return z.toJSONSchema(scenarioSchema, { io: 'input', unrepresentable: 'any' })
}
