import type { Command } from 'commander'
import { HotblockError } from '../../../protocols/errors.ts'
import { OFF_FILE } from '../../hooks/core/arguments.ts'
import { MOMENTS } from '../../hooks/core/limits.ts'
import type { Cli } from '../cli.ts'
import { gather } from '../options.ts'

/** Only its help: node/main.ts runs hooks without the rest of the command line, so that they start quickly and never fail. */
export function register(program: Command, _cli: Cli): void {
  program
    .command('hook')
    .argument('<moment>', MOMENTS.join(', '))
    .description("tell the daemon what a scheduler's job needs; for hooks: ends within 1 s, always with status 0")
    .option('--scheduler <NAME>', 'slurm, htcondor, lsf, pbs, torque')
    .option('--job <ID>', "the scheduler's name of the job")
    .option('--image <REF>', 'image of the job: NAME, or NAME@BUILDER (repeatable)', gather)
    .option('--text <->', "read the job's script or comment from standard input, and find images in it")
    .option('--text-kind <KIND>', 'script or comment (default: by its looks)')
    .option('--on <HOSTS>', 'with allocate: the nodes of the job, such as n[01-16],m1 (repeatable)', gather)
    .option('--seeds <HOSTS>', 'with submit: nodes that shall have the image first (repeatable)', gather)
    .option(
      '--racks <LISTS>',
      'with submit: racks, such as "r1n[01-40] r2n[01-40]"; one node of each, by image (repeatable)',
      gather,
    )
    .option('--socket <FILE>', "the daemon's socket (default: control.sock in the home)")
    .option('--spool <DIR>', 'where failures are noted for the daemon to count (default: hooks in the home)')
    .option('--off-file <FILE>', `do nothing if this file is there (default: ${OFF_FILE})`)
    .action(() => {
      throw new HotblockError('USAGE', 'hook: is only run as a process of its own')
    })
}
