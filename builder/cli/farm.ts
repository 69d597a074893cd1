/** `hotblock farm` and its commands. */
import type { Command } from 'commander'
import type { Cli } from '../../node/cli/cli.ts'
import { addNodeOptions } from '../../node/cli/node-command.ts'
import type { LoadParts } from '../parts.ts'
import { register as registerBuild } from './build.ts'
import { register as registerLog } from './log.ts'
import { register as registerRepository } from './repository.ts'
import { type RunFlags, runFarm } from './run.ts'

export const register = registerWith(async (settings, log) => (await import('../parts.ts')).loadParts(settings, log))

/** The commands of a farm whose images are made by these parts. */
export function registerWith(load: LoadParts): (program: Command, cli: Cli) => void {
  return (program, cli) => registerAll(program, cli, load)
}

function registerAll(program: Command, cli: Cli, load: LoadParts): void {
  const farm = program
    .command('farm')
    .description('run a farm: a node that makes images on request; its log goes to standard error')
    .option('--config <FILE>', 'settings in YAML or JSON, those of the farm under farm:; flags go before them')
    .option('--listen-http <ADDRESS>', 'pages, REST and SOAP (default: 127.0.0.1:8473)')
    .option('--public-url <URL>', 'where users reach the pages, such as https://farm.example.org')
    .option('--token-file <FILE>', 'tokens that may create and delete, NAME:TOKEN a line (default: one is made)')
    .option('--work <DIR>', 'where builds work and their caches are (default: farm/work in the home)')
    .option('--parallel <N>', 'builds at the same time (default: 1)')
  addNodeOptions(farm).action((flags: RunFlags) => runFarm(cli, flags, load))
  registerBuild(farm, cli)
  registerRepository(farm, cli)
  registerLog(farm, cli)
}
