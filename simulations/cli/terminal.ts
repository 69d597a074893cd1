/** What the command needs of the command line that runs it: simulations/ does not know node/. */

export interface Style {
  bold(text: string): string
  dim(text: string): string
  green(text: string): string
  yellow(text: string): string
  red(text: string): string
}

/** Lays out a table; `looks` say how the cells of each row are shown. */
export type MakeTable = (
  columns: readonly { readonly head: string; readonly right?: boolean }[],
  rows: readonly (readonly string[])[],
  style: Style,
  looks?: readonly (((text: string) => string) | undefined)[],
) => string

export interface Terminal {
  /** Aborts when the user stops the command. */
  readonly signal: AbortSignal
  /** A bar over what is done of a total, where there is a terminal; the format's words come with each update. */
  barOf(format: string): Promise<{
    update(done: number, total: number, words: Readonly<Record<string, string>>): void
    stop(): void
  }>
  readonly table: MakeTable
  /** A path that the user gave, absolute. */
  path(given: string): string
  /** Prints a result: as one JSON document, or as people read it. */
  print(value: unknown, readable: (style: Style) => string): void
}
