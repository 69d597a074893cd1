/** `hotblock simulate`. */
import { setImmediate } from 'node:timers/promises'
import type { Command } from 'commander'
import { HotblockError } from '../../protocols/errors.ts'
import { loadAttached, loadScenario, type ScenarioFile, shippedNames, writeReport } from '../files.ts'
import { renderReport } from '../report/report.ts'
import type { SimulationResult } from '../result.ts'
import { type Simulation, simulate } from '../simulate.ts'
import { applyFlags, replayOf, type SimulateFlags } from './flags.ts'
import { makeBar } from './progress.ts'
import { readable } from './table.ts'
import type { Style, Terminal } from './terminal.ts'

/** Between two looks at whether the user has had enough. */
const TURN_MS = 50

export function register(program: Command, terminal: Terminal): void {
  const gather = (text: string, before: readonly string[] = []): string[] => [...before, text]
  program
    .command('simulate')
    .argument('[scenario]', 'a scenario file, or the name of one that ships')
    .description("say when every node of a cluster will have an image, by the daemon's own decisions; needs no daemon")
    .option('--list', 'name the scenarios that ship')
    .option('--nodes <N>', 'so many nodes in all')
    .option('--grain <G>', 'how coarse it is played: 1 is every frame, more is sooner done, auto what is affordable')
    .option('--seed <N>', 'what is drawn by chance follows from it')
    .option('--strategy <NAME>', 'only this one; may be given several times', gather)
    .option('--table <FILE>', 'the image is one whose table this is; more: images that nodes have', gather)
    .option('--report <FILE>', 'write a page with plots: FILE.html')
    .action((given: string | undefined, flags: SimulateFlags) => run(terminal, given, flags))
}

async function run(terminal: Terminal, given: string | undefined, flags: SimulateFlags): Promise<void> {
  if (flags.list === true) {
    if (given !== undefined) throw new HotblockError('USAGE', '--list takes no scenario')
    return list(terminal)
  }
  if (given === undefined) throw new HotblockError('USAGE', 'name a scenario; --list names those that ship')
  const file = await loadScenario(given, terminal.path(given))
  const { scenario, seed } = applyFlags(file.scenario, flags, (path) => terminal.path(path))
  const attached = await loadAttached({ scenario, source: file.source })
  const result = await drive(terminal, { scenario, seed, attached, source: given })
  if (flags.report !== undefined) {
    await writeReport(terminal.path(flags.report), renderReport(result, replayOf(given, seed, flags)))
  }
  terminal.print(result, (style) => readable(result, style, terminal.table))
  checkRules(result)
}

/** Simulates; the user can end it, and sees how far it is. */
async function drive(terminal: Terminal, simulation: Simulation): Promise<SimulationResult> {
  const bar = await makeBar(terminal)
  try {
    const steps = simulate(simulation, (progress) => bar.update(progress))
    let turnAt = Date.now() + TURN_MS
    for (;;) {
      const step = steps.next()
      if (step.done === true) return step.value
      if (Date.now() < turnAt) continue
      await setImmediate()
      if (terminal.signal.aborted) throw new HotblockError('CANCELLED', 'stopped on request')
      turnAt = Date.now() + TURN_MS
    }
  } finally {
    bar.stop()
  }
}

/** @throws BROKEN_RULES */
function checkRules({ scenario, seed, strategies }: SimulationResult): void {
  for (const { name, violations } of strategies) {
    const [first] = violations
    if (first === undefined) continue
    const message = `${scenario} with --seed ${seed}, ${name}: ${first}`
    throw new HotblockError('BROKEN_RULES', message, { scenario, seed, strategy: name, violations: violations.length })
  }
}

async function list(terminal: Terminal): Promise<void> {
  const files: ScenarioFile[] = []
  for (const name of await shippedNames()) files.push(await loadScenario(name, name))
  const rows = files.map(({ scenario: { name, title, description } }) => ({ name, title, description }))
  terminal.print({ scenarios: rows }, (style) => rows.map((row) => listed(row, style)).join('\n'))
}

function listed({ name, title }: { readonly name: string; readonly title: string }, style: Style): string {
  return `  ${style.bold(name.padEnd(20))}  ${title}`
}
