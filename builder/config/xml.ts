/**
 * Configurations as XML:
 *
 *     <image>
 *       <name>web-1</name> <class>debian12</class> <arch>amd64</arch> <filetype>.img</filetype>
 *       <appliance>web-server</appliance> <group>core</group> <package>vim</package>
 *       <size>4G</size> <boot>direct</boot> <script>…</script>
 *       <file path="/etc/motd" mode="0644" encoding="text">…</file>
 *       <repository suite="stable"> <uri>…</uri> <component>main</component> <key>…</key> </repository>
 *     </image>
 *
 * group, package, file, repository and component may be there several times. White space around values does not count,
 * but in a file it does. `encoding="base64"` is for contents and scripts that XML cannot hold.
 */
import type { FieldProblem } from '../../protocols/errors.ts'
import type { ExtraFile, ImageConfig, PackageRepository } from './image-config.ts'
import { rawFile } from './json.ts'
import { PARAMETERS } from './parameters.ts'
import { badRequest, listed, shown, throwIfAny } from './problems.ts'
import { readXml, type XmlElement } from './xml-reader.ts'

const ROOT = 'image'
const ENCODINGS = ['text', 'base64']
const BLANK = /^[ \t\r\n]*$/
/** What XML 1.0 cannot hold, not even as a reference. */
const NO_XML = /[^\t\n\r\x20-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/u
const PARAMETER = new Map(PARAMETERS.map((parameter) => [parameter.name, parameter]))
const ELEMENTS = [...PARAMETER.keys(), 'file', 'repository']

/**
 * The raw request that the XML says; what its values may be is for normalise and restore to check.
 * @throws BAD_REQUEST where it is no XML, beyond limits, or has elements or attributes that are unknown or there twice
 */
export function parseXml(input: Uint8Array | string): Record<string, unknown> {
  const root = readXml(input)
  if (root.name !== ROOT) {
    throw badRequest([
      { field: root.name.slice(0, 64), message: `the XML's root is <${ROOT}>, not ${shown(root.name)}` },
    ])
  }
  const problems: FieldProblem[] = []
  const raw: Record<string, unknown> = {}
  const add = (field: string, value: unknown) => {
    const list = raw[field] as unknown[] | undefined
    if (list === undefined) raw[field] = [value]
    else list.push(value)
  }
  checkAttributes(root, [], problems)
  checkBetween(root, problems)
  for (const element of root.children) {
    if (element.name === 'file') add('files', fileOf(element, problems))
    else if (element.name === 'repository') add('repositories', repositoryOf(element, problems))
    else {
      const parameter = PARAMETER.get(element.name)
      if (parameter === undefined) unknown(element, ELEMENTS, problems)
      else if (parameter.many) add(parameter.field, simple(element, problems))
      else if (Object.hasOwn(raw, parameter.field)) twice(element, problems)
      else raw[parameter.field] = element.name === 'script' ? scriptOf(element, problems) : simple(element, problems)
    }
  }
  throwIfAny(problems)
  return raw
}

/** The configuration as XML that parseXml and restore read back into an equal one. */
export function toXml(config: ImageConfig): string {
  const lines = PARAMETERS.flatMap(({ field, name }) => {
    const value = config[field]
    const values = Array.isArray(value) ? value : [value]
    if (name === 'script') return config.script === '' ? [] : [encoded(name, '', config.script)]
    return values.filter((one) => one !== '' && one !== 0).map((one) => `<${name}>${escaped(String(one))}</${name}>`)
  })
  lines.push(...config.files.map(fileXml), ...config.repositories.map(repositoryXml))
  const body = lines.map((line) => `  ${line}\n`).join('')
  return `<?xml version="1.0" encoding="UTF-8"?>\n<${ROOT}>\n${body}</${ROOT}>\n`
}

function fileOf(element: XmlElement, problems: FieldProblem[]): Record<string, unknown> {
  checkAttributes(element, ['path', 'mode', 'encoding'], problems)
  checkChildren(element, [], problems)
  return { ...Object.fromEntries(element.attributes), content: element.text }
}

function repositoryOf(element: XmlElement, problems: FieldProblem[]): Record<string, unknown> {
  checkAttributes(element, ['suite'], problems)
  checkBetween(element, problems)
  checkChildren(element, ['uri', 'component', 'key'], problems)
  const raw: Record<string, unknown> = { ...Object.fromEntries(element.attributes) }
  const components: string[] = []
  for (const child of element.children) {
    if (child.name === 'component') components.push(simple(child, problems))
    else if (Object.hasOwn(raw, child.name)) twice(child, problems)
    else raw[child.name] = simple(child, problems)
  }
  return { ...raw, components }
}

function scriptOf(element: XmlElement, problems: FieldProblem[]): string {
  checkAttributes(element, ['encoding'], problems)
  checkChildren(element, [], problems)
  const encoding = element.attributes.get('encoding') ?? 'text'
  if (encoding === 'text') return element.text
  const bytes = Buffer.from(element.text, 'base64')
  const text = bytes.toString('utf8')
  const isText = Buffer.compare(Buffer.from(text), bytes) === 0
  const isBase64 = bytes.toString('base64') === element.text.replaceAll(/\s+/g, '')
  if (encoding !== 'base64') {
    const message = `line ${element.line}: encoding is none of ${ENCODINGS.join(', ')}`
    problems.push({ field: element.name, message })
  } else if (!isBase64 || !isText) {
    problems.push({ field: element.name, message: `line ${element.line}: is not text in base64` })
  }
  return text
}

/** The text of an element with nothing else in it. */
function simple(element: XmlElement, problems: FieldProblem[]): string {
  checkAttributes(element, [], problems)
  checkChildren(element, [], problems)
  return element.text.trim()
}

function checkAttributes(element: XmlElement, known: readonly string[], problems: FieldProblem[]): void {
  for (const name of element.attributes.keys()) {
    if (known.includes(name)) continue
    const message = `line ${element.line}: <${element.name}> has no attribute ${shown(name)}; ${listed(known)}`
    problems.push({ field: element.name, message })
  }
}

function checkChildren(element: XmlElement, known: readonly string[], problems: FieldProblem[]): void {
  for (const child of element.children) if (!known.includes(child.name)) unknown(child, known, problems)
}

/** No text between elements. */
function checkBetween(element: XmlElement, problems: FieldProblem[]): void {
  if (BLANK.test(element.text)) return
  problems.push({ field: element.name, message: `line ${element.line}: there is text between the elements` })
}

function unknown(element: XmlElement, known: readonly string[], problems: FieldProblem[]): void {
  const message = `line ${element.line}: there is no element ${shown(element.name)} here; ${listed(known)}`
  problems.push({ field: element.name.slice(0, 64), message })
}

function twice(element: XmlElement, problems: FieldProblem[]): void {
  problems.push({ field: element.name, message: `line ${element.line}: <${element.name}> is there twice` })
}

function fileXml(file: ExtraFile): string {
  const mode = file.mode.toString(8).padStart(4, '0')
  const attributes = ` path="${escaped(file.path)}" mode="${mode}"`
  const { content, encoding } = rawFile(file)
  if (encoding === 'text') return encoded('file', attributes, content)
  return `<file${attributes} encoding="base64">${content}</file>`
}

/** Text as it is, or in base64 where XML cannot hold it or would take more room for it. */
function encoded(name: string, attributes: string, text: string): string {
  const base64 = () => Buffer.from(text).toString('base64')
  const plain = escaped(text)
  const isLonger = plain.length > text.length && plain.length > base64().length
  if (!isLonger && !NO_XML.test(text)) return `<${name}${attributes}>${plain}</${name}>`
  return `<${name}${attributes} encoding="base64">${base64()}</${name}>`
}

function repositoryXml({ uri, suite, components, key }: PackageRepository): string {
  const parts = [['uri', uri], ...components.map((component) => ['component', component]), ['key', key]]
  const body = parts.map(([name, value = '']) => `<${name}>${escaped(value)}</${name}>`).join('\n    ')
  return `<repository${suite === '' ? '' : ` suite="${escaped(suite)}"`}>\n    ${body}\n  </repository>`
}

/** For text and attributes alike; a bare CR would be read as LF. */
function escaped(text: string): string {
  return text.replaceAll(/[&<>"\r]/g, (character) => `&#${character.charCodeAt(0)};`)
}
