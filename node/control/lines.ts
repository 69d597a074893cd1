/**
 * Splits a stream of UTF-8 bytes at line ends.
 *
 * @param source chunks of bytes, cut anywhere
 * @param lineCharactersMax a longer line makes the iteration throw a RangeError
 * @returns the lines without their ends; the last one also where no line end follows it, empty lines never
 */
export async function* linesOf(source: AsyncIterable<Uint8Array>, lineCharactersMax: number): AsyncGenerator<string> {
  const decoder = new TextDecoder('utf-8', { fatal: false })
  let parts: string[] = []
  let held = 0
  for await (const chunk of source) {
    const pieces = decoder.decode(chunk, { stream: true }).split('\n')
    const rest = pieces.pop() ?? ''
    for (const piece of pieces) {
      const line = parts.length === 0 ? piece : parts.join('') + piece
      parts = []
      held = 0
      if (line.length > lineCharactersMax) throw new RangeError(`a line is longer than ${lineCharactersMax} characters`)
      if (line !== '') yield line
    }
    if (rest !== '') parts.push(rest)
    held += rest.length
    if (held > lineCharactersMax) throw new RangeError(`a line is longer than ${lineCharactersMax} characters`)
  }
  const last = parts.join('') + decoder.decode()
  if (last !== '') yield last
}
