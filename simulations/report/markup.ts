/**
 * Text of HTML and SVG. Whatever a template is given is escaped, unless it is markup itself: what a scenario names can
 * so never become part of the page's structure.
 */

export interface Markup {
  readonly markup: string
}

export type Piece = Markup | string | number | undefined | false | readonly Piece[]

const ESCAPES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
}

/** Joins text of the template itself, as it is, and pieces, escaped. Nothing stands for undefined and false. */
export function html(strings: TemplateStringsArray, ...pieces: readonly Piece[]): Markup {
  let markup = strings[0]!
  pieces.forEach((piece, i) => {
    markup += textOf(piece) + strings[i + 1]!
  })
  return { markup }
}

/** Text that is markup already, such as a style sheet of our own. Never for anything from outside. */
export function raw(markup: string): Markup {
  return { markup }
}

export function escapeText(text: string): string {
  // Control characters are no part of a page, and lone surrogates no text.
  return text
    .toWellFormed()
    .replaceAll(/\p{Cc}/gu, ' ')
    .replaceAll(/[&<>"']/g, (char) => ESCAPES[char]!)
}

function textOf(piece: Piece): string {
  if (piece === undefined || piece === false) return ''
  if (typeof piece === 'string') return escapeText(piece)
  if (typeof piece === 'number') return String(piece)
  if ('markup' in piece) return piece.markup
  return piece.map(textOf).join('')
}
