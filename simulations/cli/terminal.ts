/** What the command needs of the command line that runs it: simulations/ does not know node/. */

export interface Style {
  bold(text: string): string
  dim(text: string): string
  green(text: string): string
  yellow(text: string): string
  red(text: string): string
}

export interface Output {
  readonly isTTY?: boolean | undefined
  write(text: string): unknown
}

export interface Terminal {
  /** Aborts when the user stops the command. */
  readonly signal: AbortSignal
  readonly environment: { readonly stderr: Output }
  /** A path that the user gave, absolute. */
  path(given: string): string
  /** Prints a result: as one JSON document, or as people read it. */
  print(value: unknown, readable: (style: Style) => string): void
}
