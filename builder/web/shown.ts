/** Builds and images as pages, the API and SOAP show them. */

import type { Farm } from '../farm.ts'
import { hasEnded, type LiveBuild } from '../queue/build.ts'
import { type Entry, imageFileName } from '../repository/entry.ts'

const PACKAGES_SHOWN = 6

const PHASES: Readonly<Record<string, string>> = {
  resolve: 'finding packages',
  stage: 'stage',
  assemble: 'writing the image',
  boot: 'booting the image',
  done: '',
}
/** What of the way the maker's own fraction covers; the rest is checksum and publishing. */
const MADE = 0.95

/** Seen by people: the state with what it is about to become, and progress in words. */
export function shownBuild(build: LiveBuild) {
  const { progress } = build
  const part = Math.min(1, Math.max(0, progress?.fraction ?? 0))
  const fraction = progress?.phase === 'done' ? MADE + (1 - MADE) * part : MADE * part
  return {
    ...build,
    shownState: build.cancelling && !hasEnded(build) ? 'cancelling' : build.state,
    ended: hasEnded(build),
    cancellable: !hasEnded(build) && build.state !== 'publishing' && !build.cancelling,
    percent: Math.round(100 * (build.state === 'ready' ? 1 : fraction)),
    progressText: progressText(build),
  }
}

function progressText({ state, progress, waitsFor }: LiveBuild): string {
  if (state === 'queued' || state === 'interrupted') {
    return waitsFor === 'disk' ? 'waits for room on the disk' : 'waits for its turn'
  }
  if (progress === undefined || state === 'ready' || state === 'failed' || state === 'cancelled') return ''
  return [PHASES[progress.phase], progress.text].filter(Boolean).join(': ')
}

export function shownImage(farm: Farm, entry: Entry) {
  const { packages } = entry.config
  const more = packages.length > PACKAGES_SHOWN ? ` and ${packages.length - PACKAGES_SHOWN} more` : ''
  return {
    ...entry,
    here: farm.repository.ready(entry.key) !== undefined,
    fileName: imageFileName(entry),
    packagesShort: packages.slice(0, PACKAGES_SHOWN).join(' ') + more,
  }
}
