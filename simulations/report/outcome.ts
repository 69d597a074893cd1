/** What several parts of a report ask of a result. */
import { type ByOrigin, ORIGINS, type Origin } from '../ledger.ts'
import type { CompletionPoint, SimulationResult, StrategyResult } from '../result.ts'

/** Strategies have so many colours and dashes; with more, they begin again. */
const LOOKS = 8

const TITLES: Readonly<Record<string, string>> = {
  http: 'one HTTP server',
  caches: 'several caches',
  tree: 'binary tree',
  chain: 'pipeline chain',
  bittorrent: 'BitTorrent-like',
  'hotblock-whole': 'hotblock, whole images',
  hotblock: 'hotblock',
}
export const ORIGIN_NAMES: Readonly<Record<Origin, string>> = {
  builder: 'builder',
  sameRack: 'same rack',
  otherRack: 'other rack',
  localHot: 'local hot',
}

/** A strategy as it is shown. */
export interface Shown {
  readonly title: string
  /** Its class in the style sheet. */
  readonly look: string
  readonly result: StrategyResult
}

export function shownOf({ strategies }: SimulationResult): Shown[] {
  const known = Object.keys(TITLES)
  return strategies.map((result, i) => {
    const place = known.indexOf(result.name)
    return {
      title: place < 0 ? result.name : TITLES[result.name]!,
      // The same in all reports, whichever strategies were asked for.
      look: `s${(place < 0 ? known.length + i : place) % LOOKS}${result.name.startsWith('hotblock') ? ' own' : ''}`,
      result,
    }
  })
}

/** When so large a part of the live nodes has the image, from arrival; undefined: so many have not got it. */
export function secondsAt(completions: readonly CompletionPoint[], part: number): number | undefined {
  return completions.find((point) => point.part >= part - 1e-9)?.seconds
}

export function liveNodes({ completed, failed }: StrategyResult): number {
  return completed + failed
}

export function sum(bytes: ByOrigin): number {
  return ORIGINS.reduce((total, origin) => total + bytes[origin], 0)
}

/** Part of all bytes that has this origin. */
export function partOf(bytes: ByOrigin, origin: Origin): number {
  const total = sum(bytes)
  return total === 0 ? 0 : bytes[origin] / total
}

/** Part of the time in which the builder's link was in use, for what nodes got. */
export function builderUse(
  { cluster, image }: SimulationResult,
  { bytesByOrigin, endedSeconds }: StrategyResult,
): number {
  return (bytesByOrigin.builder * image.wireRatio) / (cluster.builderUpBytes * endedSeconds) || 0
}
