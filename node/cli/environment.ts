/** What the command line is given from outside; main.ts reads it from the process, and nothing else reads it there. */

import type { Publisher } from '../publisher.ts'

/** A stream that text is written to. */
export interface Output {
  readonly isTTY?: boolean | undefined
  write(text: string): unknown
}

export interface Environment {
  /** Arguments without the program's own name. */
  readonly argv: readonly string[]
  /** HOTBLOCK_HOME, if it is set and not empty. */
  readonly homeVariable: string | undefined
  /** The home where nothing else names one. */
  readonly defaultHome: string
  /** What relative paths are relative to. */
  readonly cwd: string
  /** HOTBLOCK_DEBUG=1: failures are printed with their stack. */
  readonly debug: boolean
  /** NO_COLOR is set (https://no-color.org). */
  readonly noColour: boolean
  readonly stdout: Output
  readonly stderr: Output
  /** Calls back at each SIGINT and SIGTERM, or at each of the signals that are named. */
  onSignal(callback: (signal: NodeJS.Signals) => void, signals?: readonly NodeJS.Signals[]): void
  /** Loads the builder's part of a node, which the command line itself does not depend on. */
  publisher(): Promise<Publisher>
}

/** The command of builder/ that main.ts adds. */
export const FARM_COMMAND = {
  name: 'farm',
  summary: 'make images on request: build queue, repository, pages, REST, SOAP; has commands of its own',
} as const

/** The command of simulations/ that main.ts adds. */
export const SIMULATE_COMMAND = {
  name: 'simulate',
  summary: 'when will every node of a cluster have an image? By a virtual cluster; with an HTML report',
} as const

/** Where a user's data is kept: the system's place for root, else the XDG base directory. */
export function defaultHome(uid: number | undefined, xdgDataHome: string | undefined, userHome: string): string {
  if (uid === 0) return '/var/lib/hotblock'
  // The specification says that a relative XDG_DATA_HOME is to be ignored.
  const data = xdgDataHome?.startsWith('/') ? xdgDataHome : `${userHome}/.local/share`
  return `${data}/hotblock`
}
