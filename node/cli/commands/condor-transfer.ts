import type { Command } from 'commander'
import { HotblockError } from '../../../protocols/errors.ts'
import type { Holder } from '../../launch/lease.ts'
import type { Cli } from '../cli.ts'
import { readTimeout } from '../options.ts'

const SECONDS_DEFAULT = '1800'

/** What the file transfer plugin of HTCondor runs; not for people. */
export function register(program: Command, cli: Cli): void {
  program
    .command('condor-transfer', { hidden: true })
    .argument('<words...>', 'after --: what HTCondor gives the plugin')
    .description('transfer hotblock:// URLs for HTCondor')
    .option('--seconds <SECONDS>', 'give up on an image after so long', SECONDS_DEFAULT)
    .option('--socket <FILE>', "the daemon's job socket (default: control.sock in the home)")
    .action(async (words: string[], flags: { seconds: string; socket?: string }) => {
      const timeoutSeconds = readTimeout(flags.seconds)
      if (timeoutSeconds === undefined) throw new HotblockError('USAGE', '--seconds is missing')
      const { readTransferArguments, transferAll } = await import('../../hooks/htcondor/transfer.ts')
      const given = readTransferArguments(words)
      // A daemon that cannot be reached is told to HTCondor like any other failure.
      const daemon: Holder = {
        hold: (...call) => cli.withDaemon((connected) => connected.hold(...call), undefined, flags.socket),
      }
      const ended = await transferAll({ ...given, daemon, timeoutSeconds, signal: cli.signal, now: Date.now })
      cli.exitStatus = ended ? 0 : 1
    })
}
