/** How results look to people. Pure: text in, text out. */
import { stripVTControlCharacters } from 'node:util'
import Table from 'cli-table3'
import prettyBytes from 'pretty-bytes'
import { printable } from '../printable.ts'

// biome-ignore lint/suspicious/noControlCharactersInRegex: colours begin with the escape character.
const COLOURS = /(\x1b\[(?:1|2|22|31|32|33|39)m)/

/** Colours, or nothing where the output is no terminal. */
export interface Style {
  bold(text: string): string
  dim(text: string): string
  green(text: string): string
  yellow(text: string): string
  red(text: string): string
}

export function makeStyle(colours: boolean): Style {
  const code = (on: number, off: number) => (text: string) => (colours ? `\x1b[${on}m${text}\x1b[${off}m` : text)
  return { bold: code(1, 22), dim: code(2, 22), green: code(32, 39), yellow: code(33, 39), red: code(31, 39) }
}

/** '1.25 GiB' */
export function formatBytes(bytes: number): string {
  return prettyBytes(bytes, { binary: true })
}

/** '812 MiB/s' */
export function formatSpeed(bytesPerSecond: number): string {
  return Number.isFinite(bytesPerSecond) ? `${formatBytes(bytesPerSecond)}/s` : '-'
}

/** '53.9 %' of a fraction, '0.03 %' of a small one. */
export function formatPercent(fraction: number): string {
  if (!Number.isFinite(fraction)) return '-'
  const percent = fraction * 100
  if (percent === 0) return '0 %'
  if (percent > 0 && percent < 0.005) return '< 0.01 %'
  return `${percent.toFixed(percent < 0.995 ? 2 : 1)} %`
}

/** '1.25 GiB    53.9 %': bytes and what they are of a whole, in columns. */
export function formatPart(bytes: number, wholeBytes: number): string {
  return `${formatBytes(bytes).padEnd(10)}  ${formatPercent(bytes / wholeBytes).padStart(7)}`
}

/** The same of hot bytes, with what the slides of 2007 count: how much of all that is not zero is hot. */
export function formatHot(hotBytes: number, coldBytes: number, wholeBytes: number, style: Style): string {
  const fraction = formatPercent(hotBytes / (hotBytes + coldBytes))
  return `${style.green(formatPart(hotBytes, wholeBytes))}, ${fraction} of what is not zero`
}

/** So many characters tell roots and peers of a list apart; all peer ids begin alike, so it is the last ones. */
const ID_CHARACTERS = 8

/** '…' and the end of a root or of a peer id. */
export function shortId(id: string): string {
  return id.length > ID_CHARACTERS ? `…${id.slice(-ID_CHARACTERS)}` : id
}

/** '27,000' */
export function formatCount(count: number): string {
  return count.toLocaleString('en-US')
}

/** '0.4 s', '3 min 12 s', '2 h 5 min', '3 d 4 h' of seconds. */
export function formatSeconds(seconds: number): string {
  if (seconds < 60) return `${seconds.toFixed(seconds < 0.1 && seconds > 0 ? 3 : 1)} s`
  const whole = Math.round(seconds)
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`
  if (whole < 86_400) return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`
  return `${Math.floor(whole / 86_400)} d ${Math.floor((whole % 86_400) / 3600)} h`
}

/** A key and its value, or its values on a line each; without a value the row is left out. */
export type Row = readonly [key: string, value: string | readonly string[] | undefined]

/** Keys and values in two columns, indented by two. Values come from peers too: what could move the cursor is escaped. */
export function keyValues(rows: readonly Row[], style: Style): string {
  const shown = rows.filter(([, value]) => value !== undefined)
  const width = Math.max(0, ...shown.map(([key]) => key.length))
  return shown
    .flatMap(([key, value]) => {
      const values = typeof value === 'string' ? [value] : (value ?? [])
      const lines = values.length === 0 ? ['none'] : values
      return lines.map(
        (line, i) => `  ${style.dim((i === 0 ? printable(key) : '').padEnd(width))}  ${printableStyled(line)}`,
      )
    })
    .join('\n')
}

/** Escapes all that could move the cursor, but not the colours of makeStyle. */
function printableStyled(text: string): string {
  return text
    .split(COLOURS)
    .map((part, i) => (i % 2 === 0 ? printable(part) : part))
    .join('')
}

/** A heading and what belongs to it. */
export function section(heading: string, body: string, style: Style): string {
  return `${style.bold(heading)}\n${body}`
}

export interface Column {
  readonly head: string
  readonly right?: boolean
}

const NO_LINES = {
  top: '',
  'top-mid': '',
  'top-left': '',
  'top-right': '',
  bottom: '',
  'bottom-mid': '',
  'bottom-left': '',
  'bottom-right': '',
  left: '',
  'left-mid': '',
  mid: '',
  'mid-mid': '',
  right: '',
  'right-mid': '',
  middle: '  ',
}

/**
 * A table without lines, indented by two. Cells come from peers too: what could move the cursor is escaped.
 * @param looks how the cells of each row are shown; undefined: as they are
 */
export function table(
  columns: readonly Column[],
  rows: readonly (readonly string[])[],
  style: Style,
  looks: readonly (((text: string) => string) | undefined)[] = [],
): string {
  const made = new Table({
    head: columns.map(({ head }) => style.dim(head)),
    colAligns: columns.map(({ right }) => (right === true ? 'right' : 'left')),
    chars: NO_LINES,
    style: { head: [], border: [], 'padding-left': 0, 'padding-right': 0 },
  })
  const shown = (cell: string): string => printable(stripVTControlCharacters(cell))
  made.push(...rows.map((row, i) => row.map((cell) => looks[i]?.(shown(cell)) ?? shown(cell))))
  return made
    .toString()
    .split('\n')
    .map((line) => `  ${line.trimEnd()}`)
    .join('\n')
}
