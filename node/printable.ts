/**
 * Text from elsewhere (peers, files) made safe to print: control characters, which could move a terminal's cursor or
 * forge lines of a log, and the marks that turn text's direction are shown as escapes.
 */
export function printable(text: string): string {
  return text.replaceAll(/[\p{Cc}\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu, (character) => {
    return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`
  })
}
