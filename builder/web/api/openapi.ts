/** The OpenAPI 3.1 document of the REST API, made from the table of operations and the schemas of its answers. */
import { z } from 'zod'
import { VERSION } from '../../../node/version.ts'
import { OPERATIONS, type Operation } from './operations.ts'
import * as schemas from './schemas.ts'

const FAILURE = { $ref: '#/components/schemas/Failure' }

/**
 * @param base where the API is reached
 * @param configuration JSON Schema of a configuration
 */
export function openApi(base: string, configuration: object): object {
  const components: Record<string, unknown> = { Configuration: plain(configuration), Failure: of(schemas.failure) }
  const paths: Record<string, Record<string, unknown>> = {}
  for (const operation of OPERATIONS as readonly Operation[]) {
    for (const { schema } of operation.answers) if (schema !== undefined) components[schema.name] = of(schema.of)
    paths[operation.path] = { ...paths[operation.path], [operation.method]: described(operation) }
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'hotblock farm',
      version: VERSION,
      description: 'Makes operating-system images and virtual appliances on request and publishes them to the mesh.',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    servers: [{ url: base }],
    paths,
    components: { schemas: components, securitySchemes: { token: { type: 'http', scheme: 'bearer' } } },
  }
}

function described({ id, summary, token, parameters = [], body, answers }: Operation): object {
  return {
    operationId: id,
    summary,
    security: token === true ? [{ token: [] }] : [],
    ...(parameters.length === 0 ? {} : { parameters: parameters.map(parameter) }),
    ...(body === undefined ? {} : { requestBody: REQUEST_BODY }),
    responses: {
      ...Object.fromEntries(answers.map((answer) => [answer.status, response(answer)])),
      default: { description: 'A failure', content: { 'application/json': { schema: FAILURE } } },
    },
  }
}

const REQUEST_BODY = {
  required: true,
  content: {
    'application/json': { schema: { $ref: '#/components/schemas/Configuration' } },
    'application/xml': { schema: { type: 'string', description: "the configuration as the farm's XML" } },
  },
}

function parameter({ name, in: place, description }: NonNullable<Operation['parameters']>[number]): object {
  const schema = name === 'id' || name === 'after' ? { type: 'integer', minimum: 0 } : { type: 'string' }
  return { name, in: place, description, required: place === 'path', schema }
}

function response({ description, schema, type }: Operation['answers'][number]): object {
  if (schema !== undefined) {
    return {
      description,
      content: { 'application/json': { schema: { $ref: `#/components/schemas/${schema.name}` } } },
    }
  }
  return type === undefined ? { description } : { description, content: { [type]: {} } }
}

function of(schema: z.ZodType): object {
  return plain(z.toJSONSchema(schema, { io: 'output', target: 'draft-2020-12' }))
}

function plain(schema: object): object {
  const { $schema: _, ...rest } = schema as Record<string, unknown>
  return rest
}
