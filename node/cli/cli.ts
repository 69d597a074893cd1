/** What every command gets: the home, how to print, the way to the daemon, progress, and the end of the user's patience. */
import { resolve } from 'node:path'
import { HotblockError } from '../../protocols/errors.ts'
import type { ControlClient } from '../control/client.ts'
import type { Environment } from './environment.ts'
import { makeStyle, type Style, table } from './format.ts'
import { type Bar, type FormatBar, formatBar, makeBar } from './progress.ts'

/** Options that every command takes. */
export interface GlobalOptions {
  readonly home?: string
  readonly json?: boolean
}

export class Cli {
  readonly environment: Environment
  /** Aborts at the first SIGINT or SIGTERM. */
  readonly signal: AbortSignal
  /** For commands of other parts, which are given what they need. */
  readonly table = table
  /** What the program ends with when the command does not fail. */
  exitStatus = 0
  readonly #options: () => GlobalOptions
  #printed = false
  #taken: ((signal: NodeJS.Signals) => void) | undefined

  /** @param options read late: they are known only once the arguments are parsed */
  constructor(environment: Environment, signal: AbortSignal, options: () => GlobalOptions) {
    this.environment = environment
    this.signal = signal
    this.#options = options
  }

  get json(): boolean {
    return this.#options().json === true
  }

  /** The home that --home gives, as it was written. */
  get homeFlag(): string | undefined {
    return this.#options().home
  }

  /** Absolute path of the home. */
  get home(): string {
    const { homeVariable, defaultHome } = this.environment
    return this.path(this.homeFlag ?? homeVariable ?? defaultHome)
  }

  /** A path that the user gave, absolute. */
  path(given: string): string {
    if (given === '') throw new HotblockError('USAGE', 'a path is empty')
    return resolve(this.environment.cwd, given)
  }

  /** Whether print was called: a failure after it must not print a second document. */
  get printed(): boolean {
    return this.#printed
  }

  /** Prints a result: as one JSON document, or as people read it. Once a command. */
  print(value: unknown, readable: (style: Style) => string): void {
    const { stdout, noColour } = this.environment
    this.#printed = true
    if (this.json) stdout.write(`${JSON.stringify(value)}\n`)
    else stdout.write(`${readable(makeStyle(stdout.isTTY === true && !noColour))}\n`)
  }

  /**
   * From now on signals go to `handler` in place of ending the command: every SIGINT and SIGTERM, and also others that a
   * process may be sent by its terminal or its batch system.
   *
   * @returns gives them back; the others are then ignored
   */
  takeSignals(handler: (signal: NodeJS.Signals) => void): () => void {
    this.#taken = handler
    this.environment.onSignal((signal) => this.#taken?.(signal), ['SIGHUP', 'SIGQUIT', 'SIGUSR1', 'SIGUSR2'])
    return () => {
      this.#taken = undefined
    }
  }

  /** Hands a SIGINT or SIGTERM to the command, if it takes signals. @returns whether it does */
  handOver(signal: NodeJS.Signals): boolean {
    this.#taken?.(signal)
    return this.#taken !== undefined
  }

  /** A bar on standard error where that is a terminal, else nothing. Stop it before printing. */
  bar(): Promise<Bar> {
    return makeBar(this.environment.stderr)
  }

  /** The same with words of the caller's own; see formatBar. */
  barOf(format: string): Promise<FormatBar> {
    return formatBar(this.environment.stderr, format)
  }

  /** Runs `use` with a bar, which is gone when this resolves or rejects. */
  async withBar<T>(use: (bar: Bar) => Promise<T>): Promise<T> {
    const bar = await this.bar()
    try {
      return await use(bar)
    } finally {
      bar.stop()
    }
  }

  /**
   * Runs `use` with a connection to the home's daemon.
   *
   * @param socket another socket of the daemon's than the control socket in its home
   * @throws NO_DAEMON, BAD_HOME, and whatever the daemon answers
   */
  async withDaemon<T>(use: (daemon: ControlClient) => Promise<T>, callTimeoutMs?: number, socket?: string): Promise<T> {
    const { checkHome } = await import('../control/socket.ts')
    if (socket === undefined) await checkHome(this.home)
    const { connectControl } = await import('../control/client.ts')
    const daemon = connectControl(this.home, { signal: this.signal, callTimeoutMs, socket })
    try {
      return await use(daemon)
    } finally {
      await daemon.close()
    }
  }

  /** `work`, or CANCELLED as soon as the user stops the command: for work that cannot be told to stop. */
  async orCancelled<T>(work: Promise<T>): Promise<T> {
    const { promise, reject } = Promise.withResolvers<never>()
    const cancel = () => reject(new HotblockError('CANCELLED', 'stopped on request'))
    if (this.signal.aborted) cancel()
    this.signal.addEventListener('abort', cancel, { once: true })
    try {
      return await Promise.race([work, promise])
    } finally {
      this.signal.removeEventListener('abort', cancel)
    }
  }
}
