/** The command line: parses arguments, runs a command, and turns whatever it throws into one failure. */
import { Command, CommanderError } from 'commander'
import { asHotblockError, HotblockError } from '../../protocols/errors.ts'
import { printable } from '../printable.ts'
import { VERSION } from '../version.ts'
import { Cli, type GlobalOptions } from './cli.ts'
import { register as registerCheck } from './commands/check.ts'
import { register as registerCompare } from './commands/compare.ts'
import { register as registerCondorTransfer } from './commands/condor-transfer.ts'
import { register as registerDaemon } from './commands/daemon.ts'
import { register as registerFetch } from './commands/fetch.ts'
import { register as registerHash } from './commands/hash.ts'
import { register as registerHook } from './commands/hook.ts'
import { register as registerId } from './commands/id.ts'
import { register as registerImages } from './commands/images.ts'
import { register as registerKeep } from './commands/keep.ts'
import { register as registerLaunch } from './commands/launch.ts'
import { register as registerPeers } from './commands/peers.ts'
import { register as registerPrefetch } from './commands/prefetch.ts'
import { register as registerPublish } from './commands/publish.ts'
import { register as registerStatus } from './commands/status.ts'
import { register as registerStop } from './commands/stop.ts'
import { register as registerWait } from './commands/wait.ts'
import type { Environment } from './environment.ts'
import { makeStyle } from './format.ts'

/** Adds commands to the program; what they need is loaded when one runs, so that --help is there at once. */
export type Register = (program: Command, cli: Cli) => void

/** A command that lives outside node/: loaded only when it is the one that is asked for. */
export interface Extension {
  readonly name: string
  readonly summary: string
  load(): Promise<Register>
}

const COMMANDS: readonly Register[] = [
  registerDaemon,
  registerStatus,
  registerPublish,
  registerImages,
  registerFetch,
  registerPrefetch,
  registerLaunch,
  registerCondorTransfer,
  registerWait,
  registerHook,
  registerPeers,
  registerCheck,
  registerKeep,
  registerStop,
  registerId,
  registerHash,
  registerCompare,
]

/** Exit status after a second signal, as shells give it for SIGINT. */
const INTERRUPTED = 130

/** Runs the command that the arguments name. Never rejects. @returns the exit status */
export async function runCli(environment: Environment, extensions: readonly Extension[] = []): Promise<number> {
  const stop = new AbortController()
  let atOnce: (status: number) => void = () => {}
  const second = new Promise<number>((resolve) => {
    atOnce = resolve
  })
  const program = makeProgram(environment)
  const cli = new Cli(environment, stop.signal, () => program.opts<GlobalOptions>())
  environment.onSignal((signal) => {
    if (cli.handOver(signal)) return
    if (stop.signal.aborted) atOnce(INTERRUPTED)
    stop.abort(new HotblockError('CANCELLED', 'stopped on request'))
  })
  return Promise.race([second, parseAndRun(program, cli, extensions)])
}

async function parseAndRun(program: Command, cli: Cli, extensions: readonly Extension[]): Promise<number> {
  const { environment } = cli
  try {
    for (const register of COMMANDS) register(program, cli)
    for (const { name, summary, load } of extensions) {
      if (ownArguments(environment.argv).includes(name)) (await load())(program, cli)
      else program.command(name).summary(summary).description(summary)
    }
    await program.parseAsync([...environment.argv], { from: 'user' })
    return cli.exitStatus
  } catch (thrown) {
    if (thrown instanceof CommanderError && thrown.exitCode === 0) return 0
    return reportFailure(environment, thrown instanceof CommanderError ? usage(thrown) : thrown, cli.printed)
  }
}

function makeProgram({ stdout }: Environment): Command {
  return new Command('hotblock')
    .description(
      'A peer-to-peer mesh that brings VM images to cluster nodes, moving only the blocks that a node lacks.',
    )
    .version(VERSION, '-V, --version', 'print the version')
    .option('--home <DIR>', 'directory of the node (default: HOTBLOCK_HOME, else the place of your system)')
    .option('--json', 'print one JSON document')
    .helpOption('-h, --help', 'print help')
    .helpCommand('help [command]', 'print help of a command')
    .configureHelp({ showGlobalOptions: true })
    .configureOutput({ writeOut: (text) => void stdout.write(text), writeErr: () => {}, outputError: () => {} })
    .exitOverride()
}

function usage(error: CommanderError): HotblockError {
  // Commander would print its help, which is not one line.
  if (error.code === 'commander.help') return new HotblockError('USAGE', 'a command is missing')
  const message = error.message.replace(/^error: /, '').replaceAll(/\s*\n\s*/g, ' ')
  return new HotblockError('USAGE', message)
}

/** Prints the failure: a line and its hint on standard error; with --json also the document, if none was printed. */
function reportFailure(environment: Environment, thrown: unknown, printed: boolean): number {
  const { debug, noColour, stdout, stderr } = environment
  const error = asHotblockError(thrown)
  const style = makeStyle(stderr.isTTY === true && !noColour)
  const message = printable(error.message.replaceAll(/\s*\n\s*/g, ' '))
  stderr.write(`hotblock: ${style.red(error.code)}: ${message}\n  ${error.hint}\n`)
  if (debug) stderr.write(`${stackOf(error)}\n`)
  if (!printed && wantsJson(environment.argv)) stdout.write(`${JSON.stringify({ error })}\n`)
  return error.exit
}

/** Looks for --json in the arguments as they are, since they may be what is wrong. */
function wantsJson(argv: readonly string[]): boolean {
  return ownArguments(argv).includes('--json')
}

/** Those before `--`: what follows is another program's. */
function ownArguments(argv: readonly string[]): readonly string[] {
  const end = argv.indexOf('--')
  return end === -1 ? argv : argv.slice(0, end)
}

function stackOf(error: Error): string {
  const cause = error.cause instanceof Error ? `\ncaused by ${stackOf(error.cause)}` : ''
  return `${error.stack}${cause}`
}
