/** The command line, run in this process: what it printed, and how it ended. */
import type { NodeApi } from '../../node/api.ts'
import { type Environment, FARM_COMMAND, SIMULATE_COMMAND } from '../../node/cli/environment.ts'
import { runCli } from '../../node/cli/program.ts'
import { startControlServer } from '../../node/control/server.ts'
import { type Call, fakeApi } from './fake-api.ts'
import { withDirectory } from './temporary.ts'

export interface Run {
  readonly status: number
  readonly stdout: string
  readonly stderr: string
}

export interface RunOptions {
  /** Whether standard output and standard error are terminals. */
  readonly terminal?: boolean
  readonly environment?: Partial<Environment>
}

/** A stream that keeps what is written; on a terminal it has what the progress bar needs of one. */
export function captured(terminal: boolean): {
  isTTY: boolean
  columns: number
  text: string
  write(text: string): boolean
} {
  return {
    isTTY: terminal,
    columns: 80,
    text: '',
    write(text) {
      this.text += text
      return true
    },
  }
}

/** Runs `hotblock ARGS`. Its publisher fails: what publishes runs behind a daemon. */
export async function hotblock(
  args: readonly string[],
  { terminal = false, environment }: RunOptions = {},
): Promise<Run> {
  const stdout = captured(terminal)
  const stderr = captured(terminal)
  const status = await runCli(
    {
      argv: args,
      homeVariable: undefined,
      defaultHome: '/nonexistent/hotblock',
      cwd: '/',
      debug: false,
      noColour: false,
      stdout,
      stderr,
      onSignal() {},
      async publisher() {
        throw new Error('no publisher in this test')
      },
      ...environment,
    },
    [
      { ...FARM_COMMAND, load: async () => (await import('../../builder/cli/farm.ts')).register },
      { ...SIMULATE_COMMAND, load: async () => (await import('../../simulations/cli/simulate.ts')).register },
    ],
  )
  return { status, stdout: stdout.text, stderr: stderr.text }
}

/** Runs `use` with the home of a fake daemon, and the calls that it gets. */
export function withFakeDaemon(
  overrides: Partial<NodeApi>,
  use: (home: string, calls: Call[]) => Promise<void>,
): Promise<void> {
  return withDirectory(async (home) => {
    const api = fakeApi(overrides)
    const server = await startControlServer({ home, api })
    try {
      await use(home, api.calls)
    } finally {
      await server.close()
    }
  })
}
