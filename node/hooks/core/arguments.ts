/** The arguments of `hotblock hook`, read by hand: a hook starts quickly, and what is wrong with them never stops it. Pure. */
import { isJob } from '../../../protocols/orders/job.ts'
import { isScheduler, MOMENTS, type Moment } from './limits.ts'
import type { TextKind } from './references.ts'

export interface HookArguments {
  moment: Moment | undefined
  scheduler: string
  /** Empty: the scheduler has given it none yet. */
  job: string
  images: string[]
  /** Lists of hosts, as they were given. */
  on: string[]
  seeds: string[]
  /** Lists of hosts with white space between them, of each of which one is a seed. */
  racks: string[]
  home: string | undefined
  /** Of the daemon, in place of the one in its home. */
  socket: string | undefined
  spool: string | undefined
  offFile: string
  /** The job's text is on standard input. */
  text: boolean
  textKind: TextKind | undefined
  json: boolean
  /** What could not be used, one line each; the rest is. */
  readonly problems: string[]
}

export const OFF_FILE = '/etc/hotblock/hooks-off'
const ARGUMENTS_MAX = 256

/** Options that take a value. */
type Option =
  | 'scheduler'
  | 'job'
  | 'image'
  | 'on'
  | 'seeds'
  | 'racks'
  | 'home'
  | 'socket'
  | 'spool'
  | 'off-file'
  | 'text'
  | 'text-kind'

const READERS: Readonly<Record<Option, (into: HookArguments, value: string) => boolean>> = {
  scheduler: (into, value) => {
    if (isScheduler(value)) into.scheduler = value
    return into.scheduler === value
  },
  job: (into, value) => {
    if (isJob(value)) into.job = value
    return into.job === value
  },
  image: (into, value) => into.images.push(value) > 0,
  on: (into, value) => into.on.push(value) > 0,
  seeds: (into, value) => into.seeds.push(value) > 0,
  racks: (into, value) => into.racks.push(value) > 0,
  home: (into, value) => {
    if (isPath(value)) into.home = value
    return into.home === value
  },
  socket: (into, value) => {
    if (isPath(value)) into.socket = value
    return into.socket === value
  },
  spool: (into, value) => {
    if (isPath(value)) into.spool = value
    return into.spool === value
  },
  'off-file': (into, value) => {
    if (isPath(value)) into.offFile = value
    return into.offFile === value
  },
  text: (into, value) => {
    into.text = value === '-'
    return into.text
  },
  'text-kind': (into, value) => {
    if (value === 'script' || value === 'comment') into.textKind = value
    return into.textKind === value
  },
}

/**
 * Reads as much as can be read.
 *
 * @param argv all arguments; options of the program itself may stand before the word hook
 */
export function readArguments(argv: readonly string[]): HookArguments {
  const into: HookArguments = {
    moment: undefined,
    scheduler: '',
    job: '',
    images: [],
    on: [],
    seeds: [],
    racks: [],
    home: undefined,
    socket: undefined,
    spool: undefined,
    offFile: OFF_FILE,
    text: false,
    textKind: undefined,
    json: false,
    problems: [],
  }
  const words: string[] = []
  if (argv.length > ARGUMENTS_MAX) into.problems.push(`there are more than ${ARGUMENTS_MAX} arguments`)
  for (let at = 0; at < Math.min(argv.length, ARGUMENTS_MAX); at++) {
    const word = argv[at]!
    if (word === '--json') into.json = true
    else if (!word.startsWith('--')) words.push(word)
    else {
      const equals = word.indexOf('=')
      const name = word.slice(2, equals === -1 ? undefined : equals)
      const value = equals === -1 ? argv[++at] : word.slice(equals + 1)
      readOption(into, name, value)
    }
  }
  const [, moment, ...more] = words
  into.moment = MOMENTS.find((each) => each === moment)
  if (into.moment === undefined) into.problems.push(`the moment must be one of ${MOMENTS.join(', ')}`)
  if (more.length > 0) into.problems.push('there are words that belong to no option')
  return into
}

function readOption(into: HookArguments, name: string, value: string | undefined): void {
  if (!Object.hasOwn(READERS, name)) into.problems.push(`there is no option --${shown(name)}`)
  else if (value === undefined) into.problems.push(`--${name} has no value`)
  // A variable that the scheduler has not set.
  else if (value === '') return
  else if (!READERS[name as Option](into, value)) into.problems.push(`--${name}: ${shown(value)} cannot be used`)
}

function isPath(text: string): boolean {
  return text.startsWith('/') && text.length <= 4096 && !text.includes('\0')
}

function shown(text: string): string {
  return JSON.stringify(text.length > 60 ? `${text.slice(0, 60)}…` : text)
}
