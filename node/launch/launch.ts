/** Runs a command on a copy-on-write overlay over an image, which stays on the node as long as the command runs. */
import { join } from 'node:path'
import type { FetchProgress } from '../api.ts'
import { type CommandInit, runCommand } from './command.ts'
import { type Holder, type Lease, takeLease } from './lease.ts'
import { makeOverlay, type OverlayKind } from './overlay.ts'
import { fillPlaces } from './placeholders.ts'
import { openScratch } from './scratch.ts'

export interface LaunchInit {
  readonly daemon: Holder
  readonly name: string
  /** Further images, by the placeholder that each takes the place of; the command may read them. */
  readonly others: readonly { readonly place: string; readonly name: string }[]
  readonly overlay: OverlayKind
  /** Where overlays are made: an absolute path. */
  readonly directory: string
  readonly timeoutSeconds: number | undefined
  /** The command and its arguments, with placeholders. */
  readonly command: readonly [string, ...string[]]
  readonly onSignals: CommandInit['onSignals']
  readonly progress?: ((p: FetchProgress) => void) | undefined
  /** Called when the command is about to run. */
  readonly ready?: (() => void) | undefined
  /** Ends the waiting for the image. */
  readonly signal: AbortSignal
}

/**
 * @returns the command's exit status
 * @throws what takeLease, openScratch, makeOverlay and runCommand throw
 */
export async function launch(init: LaunchInit): Promise<number> {
  const { daemon, name, timeoutSeconds, progress, signal } = init
  const leases: Lease[] = []
  const take = async (wanted: string): Promise<string> => {
    const lease = await takeLease(daemon, wanted, { timeoutSeconds, progress, signal })
    leases.push(lease)
    return lease.image.path
  }
  try {
    const places = new Map<string, string>()
    await take(name)
    for (const other of init.others) places.set(other.place, await take(other.name))
    return await runOver(init, leases[0]!, places)
  } finally {
    for (const lease of leases) lease.end()
  }
}

async function runOver(init: LaunchInit, { image }: Lease, places: Map<string, string>): Promise<number> {
  const scratch = await openScratch(init.directory)
  try {
    const overlay = await makeOverlay(image, init.overlay, join(scratch.path, 'overlay'))
    places.set('', overlay.path).set('overlay', overlay.path).set('format', overlay.format).set('image', image.path)
    const [command, ...args] = fillPlaces(init.command, places) as [string, ...string[]]
    init.signal.throwIfAborted()
    init.ready?.()
    return await runCommand({ command, args, descriptor: scratch.lock, onSignals: init.onSignals })
  } finally {
    await scratch.remove()
  }
}
