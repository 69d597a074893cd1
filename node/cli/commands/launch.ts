import { join } from 'node:path'
import type { Command } from 'commander'
import { HotblockError } from '../../../protocols/errors.ts'
import type { OverlayKind } from '../../launch/overlay.ts'
import type { Cli } from '../cli.ts'
import { gather, readTimeout, readWantedName } from '../options.ts'
import { showFetch } from './fetch.ts'
import { JOB_SOCKET, socketOf } from './wait.ts'

const OTHERS_MAX = 6
const KINDS: readonly string[] = ['auto', 'qcow2', 'reflink'] satisfies OverlayKind[]

interface LaunchFlags {
  readonly overlay: string
  readonly with?: string[]
  readonly dir?: string
  readonly timeout?: string
  readonly socket?: string
}

const ABOUT = `run a command on a copy-on-write overlay over an image

In the command's arguments {} is the overlay's path, {format} its format (raw or qcow2), {image} the path of the
image itself, which is read-only. The command has to stay in the foreground: the overlay is removed when it ends, and
until then the image is neither evicted nor removed. Signals are handed on; the exit status is the command's.

  hotblock launch web -- qemu-system-x86_64 -m 1024 -drive file={},format={format},if=virtio`

export function register(program: Command, cli: Cli): void {
  program
    .command('launch')
    .argument('<name>', 'image: NAME, or NAME@BUILDER')
    .argument('<command...>', 'after --: the command and its arguments')
    .summary('run a command on a copy-on-write overlay over an image')
    .description(ABOUT)
    .option('--overlay <KIND>', 'qcow2, reflink, or auto: reflink where the file system can', 'auto')
    .option('--with <PLACE=NAME>', 'another image, whose path takes the place of {PLACE} (repeatable)', gather)
    .option('--dir <DIR>', 'where the overlay is made (default: HOME/overlays)')
    .option('--timeout <SECONDS>', 'give up waiting for the image after so long')
    .option('--socket <FILE>', `the daemon's job socket (default: control.sock in the home, else ${JOB_SOCKET})`)
    .action(async (given: string, words: string[], flags: LaunchFlags) => {
      const [first, ...rest] = words
      if (first === undefined || first === '') throw new HotblockError('USAGE', 'the command is empty')
      const { readWith } = await import('../../launch/placeholders.ts')
      const others = (flags.with ?? []).map(readWith)
      if (others.length > OTHERS_MAX) throw new HotblockError('USAGE', `--with: at most ${OTHERS_MAX} images`)
      if (!KINDS.includes(flags.overlay)) {
        throw new HotblockError('USAGE', `--overlay: ${JSON.stringify(flags.overlay)} is none of ${KINDS.join(', ')}`)
      }
      const { launch } = await import('../../launch/launch.ts')
      const socket = socketOf(cli, flags.socket)
      if (socket !== undefined && flags.dir === undefined) {
        throw new HotblockError(
          'USAGE',
          "--dir is needed, such as the job's scratch directory: the home is the daemon's",
        )
      }
      const init = {
        name: readWantedName(given),
        others: others.map(({ place, name }) => ({ place, name: readWantedName(name) })),
        overlay: flags.overlay as OverlayKind,
        directory: flags.dir === undefined ? join(cli.home, 'overlays') : cli.path(flags.dir),
        timeoutSeconds: readTimeout(flags.timeout),
        command: [first, ...rest] as [string, ...string[]],
        onSignals: (forward: (signal: NodeJS.Signals) => void) => cli.takeSignals(forward),
        signal: cli.signal,
      }
      cli.exitStatus = await cli.withDaemon(
        // The command has the terminal to itself.
        (daemon) => {
          return cli.withBar((bar) => launch({ ...init, daemon, progress: showFetch(bar), ready: () => bar.stop() }))
        },
        undefined,
        socket,
      )
    })
}
