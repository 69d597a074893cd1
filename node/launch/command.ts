import { spawn } from 'node:child_process'
import { constants } from 'node:os'
import { isatty } from 'node:tty'
import { HotblockError } from '../../protocols/errors.ts'

/** What the system gives for a command that a signal has ended, beside the signal's number. */
const SIGNALLED = 128

export interface CommandInit {
  readonly command: string
  readonly args: readonly string[]
  /** An open file that the command inherits as descriptor 3, and what it starts in turn. */
  readonly descriptor: number
  /** Hands signals of this process over while the command runs. @returns stops that */
  onSignals(forward: (signal: NodeJS.Signals) => void): () => void
}

/**
 * Runs a command on this process's own terminal and files, to its end.
 * @returns its exit status; 128 and the signal's number where a signal has ended it
 * @throws NO_SUCH_FILE where there is no such command, BAD_FILE where it cannot be run
 */
export async function runCommand({ command, args, descriptor, onSignals }: CommandInit): Promise<number> {
  const child = spawn(command, args, { stdio: ['inherit', 'inherit', 'inherit', descriptor] })
  const { promise, resolve, reject } = Promise.withResolvers<number>()
  child.once('error', (error: NodeJS.ErrnoException) => {
    const { code } = error
    if (code === 'ENOENT') reject(new HotblockError('NO_SUCH_FILE', `no such command: ${command}`, { command }, error))
    else reject(new HotblockError('BAD_FILE', `the command cannot be run (${code}): ${command}`, { command }, error))
  })
  child.once('exit', (status, signal) => {
    resolve(status ?? SIGNALLED + (signal === null ? 0 : constants.signals[signal]))
  })
  // What is typed at a terminal goes to all its processes, the command among them.
  const typed: readonly string[] = isatty(0) ? ['SIGINT', 'SIGQUIT'] : []
  const stop = onSignals((signal) => void (typed.includes(signal) || child.kill(signal)))
  try {
    return await promise
  } finally {
    stop()
  }
}
