/**
 * Reads XML from anybody into a tree: XML 1.0 in UTF-8, without DOCTYPE, processing instructions or entities but the
 * five that need no declaration, and within limits of bytes, depth, elements and attributes.
 */
import { type SaxesAttributeNS, SaxesParser } from 'saxes'
import { requestText } from './from-text.ts'
import { XML_ATTRIBUTES_MAX, XML_DEPTH_MAX, XML_ELEMENTS_MAX } from './limits.ts'
import { badRequest, shown } from './problems.ts'

export interface XmlElement {
  readonly name: string
  readonly line: number
  readonly attributes: ReadonlyMap<string, string>
  readonly children: readonly XmlElement[]
  /** All text directly in it, joined. */
  readonly text: string
}

interface Open {
  name: string
  line: number
  attributes: Map<string, string>
  children: Open[]
  text: string
}

/** What saxes says of a failure begins with line:column. */
const PLACE = /^(?:[^:]*:)?(\d+):(\d+): /

/**
 * @returns the root element
 * @throws BAD_REQUEST with the line and what is wrong there
 */
export function readXml(input: Uint8Array | string): XmlElement {
  const text = requestText(input, 'the XML')
  const parser = new SaxesParser({ xmlns: false, position: true })
  const open: Open[] = []
  let root: Open | undefined
  let elements = 0
  const refuse = (message: string): never => {
    throw badRequest([{ field: '', message: `XML, line ${parser.line}: ${message}` }])
  }
  parser.on('xmldecl', ({ version, encoding }) => {
    if (version !== '1.0') refuse(`version ${shown(version)} is not 1.0`)
    if (encoding !== undefined && !/^utf-?8$/i.test(encoding)) refuse(`encoding ${shown(encoding)} is not UTF-8`)
  })
  parser.on('doctype', () => refuse('a DOCTYPE is not allowed'))
  parser.on('processinginstruction', ({ target }) => refuse(`processing instruction ${shown(target)} is not allowed`))
  parser.on('error', (error) => refuse(error.message.replace(PLACE, '')))
  parser.on('opentagstart', ({ name }) => {
    elements++
    if (elements > XML_ELEMENTS_MAX) refuse(`more than ${XML_ELEMENTS_MAX} elements`)
    if (open.length >= XML_DEPTH_MAX) refuse(`elements are nested deeper than ${XML_DEPTH_MAX}`)
    const element: Open = { name, line: parser.line, attributes: new Map(), children: [], text: '' }
    open.at(-1)?.children.push(element)
    root ??= element
    open.push(element)
  })
  parser.on('attribute', ({ name, value }: Pick<SaxesAttributeNS, 'name' | 'value'>) => {
    const attributes = open.at(-1)?.attributes
    if (attributes === undefined) return
    if (attributes.has(name)) refuse(`attribute ${shown(name)} is there twice`)
    if (attributes.size >= XML_ATTRIBUTES_MAX) refuse(`more than ${XML_ATTRIBUTES_MAX} attributes`)
    attributes.set(name, value)
  })
  const gather = (part: string) => {
    const element = open.at(-1)
    if (element !== undefined) element.text += part
  }
  parser.on('text', gather)
  parser.on('cdata', gather)
  parser.on('closetag', () => open.pop())
  parser.write(text).close()
  return root ?? refuse('there is no element')
}
