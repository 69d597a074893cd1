#!/usr/bin/env node
/**
 * The entry of the command line. It alone reads arguments, environment and signals; it alone may load commands of
 * builder/ and simulations/.
 */
import { enableCompileCache } from 'node:module'
import { homedir, userInfo } from 'node:os'
import { join } from 'node:path'
import type { Environment } from './cli/environment.ts'
import type { Extension } from './cli/program.ts'
import { isHookCall } from './hooks/core/call.ts'

const NODE_MAJOR_MIN = 24
const HOOK_END_MS = 1_300

// Nothing that needs a new Node is imported statically: an older Node would fail on what it does not know before it could say so.
if (Number(process.versions.node.split('.')[0]) < NODE_MAJOR_MIN) {
  process.stderr.write(`hotblock: Node ${NODE_MAJOR_MIN} or newer is needed, this is ${process.versions.node}\n`)
  process.exitCode = isHookCall(process.argv.slice(2)) ? 0 : 1
} else if (isHookCall(process.argv.slice(2))) {
  await hook()
} else {
  const { argv } = process
  // After -- stands a command of the user's.
  const own = argv.includes('--') ? argv.slice(0, argv.indexOf('--')) : argv
  const isDaemon = own.includes('daemon')
  if (isDaemon) (await import('./start-anew.ts')).startLean()
  else if (own[2] === 'simulate') (await import('./start-anew.ts')).startRoomy()
  // Half of what a start costs is compiling; in the user's own directory, since what lies there is run. Not for a daemon, which
  // starts seldom: Node keeps all that it read there in memory, 8 MB, until the process ends.
  if (!isDaemon) enableCompileCache(join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'hotblock'))
  await main()
}

/** A scheduler's hook: it ends in time and with status 0, whatever happens. The environment, which may be a job's, is not read. */
async function hook(): Promise<void> {
  const end = (): never => process.exit(0)
  process.on('uncaughtException', end)
  process.on('unhandledRejection', end)
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP', 'SIGPIPE'] as const) process.on(signal, end)
  // What runs has its own deadlines; this is for what they do not hold.
  setTimeout(end, HOOK_END_MS)
  try {
    const uid = process.getuid?.() ?? 0
    const ownHome = userInfo().homedir
    enableCompileCache(join(ownHome, '.cache', 'hotblock'))
    const { runHook } = await import('./hooks/core/run.ts')
    const { defaultHome } = await import('./cli/environment.ts')
    await runHook({
      argv: process.argv.slice(2),
      uid,
      defaultHome: defaultHome(uid, undefined, ownHome),
      stdin: process.stdin,
      print: (text) => void process.stdout.write(text),
      now: () => performance.now(),
    })
    process.stdout.write('', end)
  } catch {
    end()
  }
}

async function main(): Promise<void> {
  const { env, stdout, stderr } = process
  const { runCli } = await import('./cli/program.ts')
  const { defaultHome, FARM_COMMAND, SIMULATE_COMMAND } = await import('./cli/environment.ts')
  // A reader that has seen enough (head, a closed pager) is no failure, and no reason for a daemon to end.
  stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') process.exit(1)
  })
  stderr.on('error', () => {})
  const environment: Environment = {
    argv: process.argv.slice(2),
    homeVariable: env.HOTBLOCK_HOME || undefined,
    defaultHome: defaultHome(process.getuid?.(), env.XDG_DATA_HOME, homedir()),
    cwd: process.cwd(),
    debug: env.HOTBLOCK_DEBUG === '1',
    noColour: Boolean(env.NO_COLOR) || env.TERM === 'dumb',
    stdout,
    stderr,
    onSignal(callback, signals = ['SIGINT', 'SIGTERM']) {
      for (const signal of signals) process.on(signal, callback)
    },
    async publisher() {
      const { publishImage } = await import('../builder/publish.ts')
      return publishImage
    },
  }
  const unexpected = (thrown: unknown) => {
    const message = thrown instanceof Error ? thrown.message.split('\n')[0] : String(thrown)
    stderr.write(`hotblock: INTERNAL: ${message}\n`)
    if (environment.debug && thrown instanceof Error) stderr.write(`${thrown.stack}\n`)
    process.exit(1)
  }
  process.on('uncaughtException', unexpected)
  process.on('unhandledRejection', unexpected)
  // Not awaited: a promise that nothing will settle any more must not turn into Node's own exit status 13.
  const extensions: readonly Extension[] = [
    { ...FARM_COMMAND, load: async () => (await import('../builder/cli/farm.ts')).register },
    { ...SIMULATE_COMMAND, load: async () => (await import('../simulations/cli/simulate.ts')).register },
  ]
  runCli(environment, extensions).then((status) => stdout.write('', () => process.exit(status)), unexpected)
}
