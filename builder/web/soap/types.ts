/** The values of the SOAP service: one table for the schema in the WSDL, for reading and for writing. */

export const NAMESPACE = 'urn:hotblock:farm:1'

export type SimpleType = 'string' | 'boolean' | 'long' | 'double' | 'dateTime' | 'base64Binary'

export interface Field {
  readonly name: string
  readonly type: SimpleType | TypeName
  /** one: exactly one; maybe: none or one; many: any number. */
  readonly times: 'one' | 'maybe' | 'many'
}

const one = (name: string, type: Field['type'] = 'string'): Field => ({ name, type, times: 'one' })
const maybe = (name: string, type: Field['type'] = 'string'): Field => ({ name, type, times: 'maybe' })
const many = (name: string, type: Field['type'] = 'string'): Field => ({ name, type, times: 'many' })

export type TypeName = 'Configuration' | 'File' | 'Repository' | 'Image' | 'Build' | 'FieldProblem'

export const TYPES: Readonly<Record<TypeName, readonly Field[]>> = {
  Configuration: [
    maybe('name'),
    maybe('class'),
    maybe('arch'),
    maybe('fileType'),
    maybe('appliance'),
    many('group'),
    many('package'),
    maybe('imageBytes', 'long'),
    maybe('boot'),
    many('file', 'File'),
    maybe('script'),
    many('repository', 'Repository'),
  ],
  File: [one('path'), maybe('mode'), one('content', 'base64Binary')],
  Repository: [one('uri'), maybe('suite'), many('component'), one('key')],
  Image: [
    one('key'),
    one('name'),
    one('root'),
    one('sequence', 'long'),
    one('bytes', 'long'),
    one('sha256'),
    one('class'),
    one('arch'),
    one('fileType'),
    one('appliance'),
    many('group'),
    many('package'),
    one('boot'),
    one('madeAt', 'dateTime'),
    one('seconds', 'double'),
    one('here', 'boolean'),
    one('url'),
  ],
  Build: [
    one('id', 'long'),
    one('key'),
    one('name'),
    one('state'),
    one('percent', 'long'),
    one('progress'),
    one('attempts', 'long'),
    one('queuedAt', 'dateTime'),
    maybe('startedAt', 'dateTime'),
    maybe('endedAt', 'dateTime'),
    maybe('errorCode'),
    maybe('errorMessage'),
    one('url'),
  ],
  FieldProblem: [one('field'), one('message')],
}

export interface SoapOperation {
  readonly input: readonly Field[]
  readonly output: readonly Field[]
  readonly says: string
}

export const SOAP_OPERATIONS = {
  create: {
    input: [one('configuration', 'Configuration')],
    output: [maybe('image', 'Image'), maybe('build', 'Build')],
    says: 'Asks for an image: answers with the image, if it is there, or with the build. Needs a token.',
  },
  status: { input: [one('build', 'long')], output: [one('build', 'Build')], says: 'How a build does.' },
  list: { input: [], output: [many('image', 'Image')], says: 'All images of the repository, newest first.' },
  get: { input: [one('key')], output: [one('image', 'Image')], says: 'One image; its url is where its bytes are.' },
  delete: { input: [one('key')], output: [one('key')], says: 'Deletes an image. Needs a token.' },
} as const satisfies Record<string, SoapOperation>
export type SoapOperationName = keyof typeof SOAP_OPERATIONS

/** What a fault's detail says. */
export const FAILURE: readonly Field[] = [one('code'), one('message'), one('hint'), many('field', 'FieldProblem')]

export function isTypeName(type: Field['type']): type is TypeName {
  return Object.hasOwn(TYPES, type)
}
