/** Finds places for labels beside curves, so that none lies on another or on a curve. */
import type { Box } from './axis.ts'

/** Space between a curve and its label, in pixels. */
const GAP = 7
const HEIGHT = 17
/** Heights at which a label is tried, as shares of the plot from below. */
const LEVELS = [0.5, 0.62, 0.38, 0.74, 0.26, 0.86, 0.14, 0.94, 0.06]

/** A curve that only rises: where it is at a share of the height; undefined: it does not get so high. */
export interface Rising {
  readonly width: number
  readonly xAt: (share: number) => number | undefined
}

export interface Place {
  readonly x: number
  readonly y: number
  readonly anchor: 'start' | 'end'
}

/** @returns for each curve the place of its label; undefined where there is none that is free */
export function placeLabels(curves: readonly Rising[], lines: readonly number[], box: Box): (Place | undefined)[] {
  const taken: Box[] = []
  return curves.map((curve) => {
    for (const level of LEVELS) {
      const x = curve.xAt(level)
      if (x === undefined) continue
      for (const anchor of ['start', 'end'] as const) {
        const left = anchor === 'start' ? x + GAP : x - GAP - curve.width
        const y = box.bottom - level * (box.bottom - box.top)
        const place = { left, right: left + curve.width, top: y - HEIGHT / 2, bottom: y + HEIGHT / 2 }
        if (place.left < box.left + 2 || place.right > box.right - 2) continue
        if (taken.some((other) => overlap(place, other))) continue
        if (lines.some((line) => line > place.left - 3 && line < place.right + 3)) continue
        if (curves.some((other) => crosses(other, place, box))) continue
        taken.push(place)
        return { x: anchor === 'start' ? place.left : place.right, y: y + 4.5, anchor }
      }
    }
    return undefined
  })
}

function crosses({ xAt }: Rising, place: Box, box: Box): boolean {
  const share = (y: number): number => Math.min(1, Math.max(0, (box.bottom - y) / (box.bottom - box.top)))
  const low = xAt(share(place.bottom))
  if (low === undefined) return false
  const high = xAt(share(place.top)) ?? box.right
  return low < place.right + 3 && high > place.left - 3
}

function overlap(a: Box, b: Box): boolean {
  return a.left < b.right + 4 && b.left < a.right + 4 && a.top < b.bottom && b.top < a.bottom
}
