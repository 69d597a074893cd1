/** XML of the SOAP service, both ways, within limits. Pure. */
import { SaxesParser } from 'saxes'
import { HotblockError } from '../../../protocols/errors.ts'
import { type Field, isTypeName, TYPES } from './types.ts'

const DEPTH_MAX = 16
const ELEMENTS_MAX = 8192
const ATTRIBUTES_MAX = 32

export interface Element {
  readonly name: string
  readonly namespace: string
  readonly attributes: readonly { readonly name: string; readonly namespace: string; readonly value: string }[]
  readonly children: Element[]
  text: string
}

/**
 * Reads a document. Entities beyond XML's own five, document types and processing instructions are refused, not passed
 * over.
 * @throws BAD_REQUEST
 */
export function parseXml(text: string): Element {
  const parser = new SaxesParser({ xmlns: true, position: false })
  const open: Element[] = []
  let root: Element | undefined
  let elements = 0
  parser.on('error', (error) => {
    throw bad(`is not well-formed: ${error.message.slice(0, 200)}`)
  })
  parser.on('doctype', () => {
    throw bad('has a document type, which is not allowed')
  })
  parser.on('processinginstruction', () => {
    throw bad('has a processing instruction, which is not allowed')
  })
  parser.on('opentag', (tag) => {
    elements += 1
    const attributes = Object.values(tag.attributes)
    if (open.length >= DEPTH_MAX) throw bad(`is nested deeper than ${DEPTH_MAX}`)
    if (elements > ELEMENTS_MAX) throw bad(`has more than ${ELEMENTS_MAX} elements`)
    if (attributes.length > ATTRIBUTES_MAX) throw bad(`has an element with more than ${ATTRIBUTES_MAX} attributes`)
    const element: Element = {
      name: tag.local,
      namespace: tag.uri,
      attributes: attributes.map(({ local, uri, value }) => ({ name: local, namespace: uri, value })),
      children: [],
      text: '',
    }
    open.at(-1)?.children.push(element)
    root ??= element
    open.push(element)
  })
  const addText = (part: string): void => {
    const last = open.at(-1)
    if (last !== undefined) last.text += part
  }
  parser.on('text', addText)
  parser.on('cdata', addText)
  parser.on('closetag', () => void open.pop())
  parser.write(text).close()
  if (root === undefined) throw bad('has no element')
  return root
}

/** What an element says in the terms of some fields. @throws BAD_REQUEST naming what is wrong */
export function readFields(element: Element, fields: readonly Field[], path = ''): Record<string, unknown> {
  const value: Record<string, unknown> = {}
  const at = (name: string): string => (path === '' ? name : `${path}.${name}`)
  for (const child of element.children) {
    const field = fields.find(({ name }) => name === child.name)
    if (field === undefined) throw problem(at(child.name.slice(0, 80)), 'there is no such element')
    const nil = child.attributes.some(({ name, value: text }) => name === 'nil' && /^(true|1)$/.test(text))
    if (nil) continue
    const read = readValue(child, field, at(field.name))
    if (field.times === 'many') value[field.name] = [...((value[field.name] as unknown[] | undefined) ?? []), read]
    else if (Object.hasOwn(value, field.name)) throw problem(at(field.name), 'is there twice')
    else value[field.name] = read
  }
  for (const { name, times } of fields) {
    if (times === 'one' && !Object.hasOwn(value, name)) throw problem(at(name), 'is missing')
  }
  return value
}

function readValue(element: Element, { type }: Field, path: string): unknown {
  if (isTypeName(type)) return readFields(element, TYPES[type], path)
  if (element.children.length > 0) throw problem(path, 'has elements where text belongs')
  const { text } = element
  if (type !== 'long') return text
  if (!/^\s*\+?\d{1,15}\s*$/.test(text)) throw problem(path, 'is no whole number')
  return Number(text)
}

/** Fields as elements of the service's namespace, in the schema's order. */
export function writeFields(value: Readonly<Record<string, unknown>>, fields: readonly Field[]): string {
  return fields
    .flatMap(({ name, type, times }) => {
      const given = value[name]
      const values = times === 'many' ? ((given as unknown[] | undefined) ?? []) : given === undefined ? [] : [given]
      return values.map((each) => {
        const inside = isTypeName(type)
          ? writeFields(each as Readonly<Record<string, unknown>>, TYPES[type])
          : escapeXml(each instanceof Date ? each.toISOString() : String(each))
        return `<f:${name}>${inside}</f:${name}>`
      })
    })
    .join('')
}

/** Text for an element or an attribute; what XML cannot carry at all becomes U+FFFD. */
export function escapeXml(text: string): string {
  return (
    text
      .toWellFormed()
      // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what XML 1.0 forbids.
      .replaceAll(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/g, '\ufffd')
      .replaceAll('&', '&amp;')
      .replaceAll('<', '&lt;')
      .replaceAll('>', '&gt;')
      .replaceAll('"', '&quot;')
      .replaceAll('\r', '&#13;')
  )
}

function bad(message: string): HotblockError {
  return problem('', `the message ${message}`)
}

function problem(field: string, message: string): HotblockError {
  const text = field === '' ? message : `${field}: ${message}`
  return new HotblockError('BAD_REQUEST', text, { problems: [{ field, message }] })
}
