/** What is compared: figures of a run, whoever played it. */
import { median } from '../bench/measure.ts'

export const SOURCES = ['builder', 'sameRack', 'otherRack'] as const
export type Source = (typeof SOURCES)[number]

export interface Figures {
  /** From the moment when all began until the last worker had the image. */
  readonly makespanSeconds: number
  /** Until half of the workers had it. */
  readonly p50Seconds: number
  /** Copies of the image's blocks that the builder sent. */
  readonly builderCopies: number
  /** Shares of what all workers received. */
  readonly shareOf: Record<Source, number>
}

/** How far the simulator may be from the real thing: of the real times, and in points of bytes by origin. */
export const TIME_SLACK = 0.15
export const SHARE_SLACK = 0.1

export interface Comparison {
  readonly what: string
  readonly real: number
  readonly simulated: number
  readonly unit: 'seconds' | 'share' | 'copies'
  /** Off by so much of the real time, or by such a share. */
  readonly off: number
  readonly within: boolean
}

/** @param doneSeconds when each worker had the image @param bytes received by all workers, by source */
export function figuresOf(
  doneSeconds: readonly number[],
  bytes: Record<Source, number>,
  builderCopies: number,
): Figures {
  const total = SOURCES.reduce((sum, source) => sum + bytes[source], 0)
  const shareOf = { builder: 0, sameRack: 0, otherRack: 0 }
  for (const source of SOURCES) shareOf[source] = bytes[source] / total
  return { makespanSeconds: Math.max(...doneSeconds), p50Seconds: median(doneSeconds), builderCopies, shareOf }
}

/** Figure by figure the median of several runs. */
export function medianOf(runs: readonly Figures[]): Figures {
  const of = (figure: (run: Figures) => number): number => median(runs.map(figure))
  return {
    makespanSeconds: of((run) => run.makespanSeconds),
    p50Seconds: of((run) => run.p50Seconds),
    builderCopies: of((run) => run.builderCopies),
    shareOf: {
      builder: of((run) => run.shareOf.builder),
      sameRack: of((run) => run.shareOf.sameRack),
      otherRack: of((run) => run.shareOf.otherRack),
    },
  }
}

/** Times and bytes by origin are held to their slack; copies are told beside them. */
export function compare(real: Figures, simulated: Figures, racks: number): Comparison[] {
  const time = (what: string, of: (run: Figures) => number): Comparison => {
    const off = of(simulated) / of(real) - 1
    const within = Math.abs(off) <= TIME_SLACK
    return { what, real: of(real), simulated: of(simulated), unit: 'seconds', off, within }
  }
  const share = (what: string, source: Source): Comparison => {
    const off = simulated.shareOf[source] - real.shareOf[source]
    const within = Math.abs(off) <= SHARE_SLACK
    return { what, real: real.shareOf[source], simulated: simulated.shareOf[source], unit: 'share', off, within }
  }
  const copies = simulated.builderCopies / real.builderCopies - 1
  return [
    time('makespan', (run) => run.makespanSeconds),
    time('p50', (run) => run.p50Seconds),
    share('from the builder', 'builder'),
    share('from the same rack', 'sameRack'),
    ...(racks > 1 ? [share('from the other rack', 'otherRack')] : []),
    {
      what: 'builder copies',
      real: real.builderCopies,
      simulated: simulated.builderCopies,
      unit: 'copies',
      off: copies,
      within: true,
    },
  ]
}
