/** One line of the list of work: what is done, by whom, and what it has to come to. */
import { alternately, type Contender, type Row, type WorkResult } from '../rows.ts'
import { haveAll } from '../tools/programs.ts'
import type { Sample } from '../tree.ts'

/** Two images, of which the second is wanted where the first is. */
export interface Pair {
  readonly name: string
  readonly first: string
  readonly second: string
}

export interface Bench {
  /** For everything that is made meanwhile; on a disk. */
  readonly directory: string
  /** On the node already, where the work says so. */
  readonly first: string
  /** What is wanted. */
  readonly second: string
  /** More of the same kind: another image, and archives. */
  readonly others: readonly Pair[]
  readonly runs: number
  /** Smaller and fewer of everything. */
  readonly quick: boolean
  readonly say: (text: string) => void
}

export interface Work {
  readonly name: string
  readonly what: string
  run(bench: Bench): Promise<WorkResult>
}

export interface Tool {
  readonly name: string
  /** Programs that it takes. */
  readonly programs: readonly string[]
  /** Makes ready what is not measured, and gives what is measured to `use`. */
  open(use: (once: () => Promise<Sample>) => Promise<Row[]>): Promise<Row[]>
}

/** All tools that are there, in turn, on the same work; what they need is made ready side by side before. */
export async function compare(work: string, tools: readonly Tool[], { runs, say }: Bench): Promise<Row[]> {
  const there = tools.filter(({ programs }) => haveAll(programs, (text) => say(`${work}: ${text}`)))
  const measured = Promise.withResolvers<Row[]>()
  const ready = there.map(() => Promise.withResolvers<Contender>())
  const open = there.map((tool, i) =>
    tool.open((once) => {
      ready[i]!.resolve([tool.name, once])
      return measured.promise
    }),
  )
  try {
    // None of them ends before all are measured, unless it fails.
    const failed = Promise.all(open).then(() => [])
    const contenders = await Promise.race([Promise.all(ready.map(({ promise }) => promise)), failed])
    measured.resolve(await alternately(work, runs, contenders, say))
  } catch (error) {
    measured.reject(error)
  }
  await Promise.allSettled(open)
  return measured.promise
}

/** For what needs nothing made ready. */
export function simply(name: string, programs: readonly string[], once: () => Promise<Sample>): Tool {
  return { name, programs, open: (use) => use(once) }
}
