import type { CID } from 'multiformats/cid'
import { TABLE_PARTS_MAX } from '../../protocols/blocks/constants.ts'
import { HotblockError } from '../../protocols/errors.ts'
import type { Random } from '../../protocols/ports.ts'
import { verifyBlob } from '../../protocols/table/assemble.ts'
import { decodeRoot } from '../../protocols/table/root.ts'
import type { Table } from '../../protocols/table/table.ts'
import { TABLE_PAUSE_MS, TABLE_REQUESTS_MAX } from '../decisions/fetch/limits.ts'
import { chooseTablePeer } from '../decisions/fetch/table-peer.ts'
import { inParallel } from './items.ts'
import type { FetchDeps } from './ports.ts'
import type { OpenPeer, Sessions } from './sessions.ts'

/** How often a part is asked for, of whatever peers, before the fetch gives up on its table. */
const TRIES_MAX = 12
/** A peer that is silent for so long has a second one asked beside it. */
const HEDGE_MS = 900

interface Part {
  readonly cid: CID
  readonly bytes: Uint8Array
}

/**
 * The table of an image: what the node lacks of it comes from the peers, verified against its CIDs before it is kept.
 * @returns the table, and the bytes of it that were received
 * @throws NO_PEERS if nobody has it, BAD_TABLE if its parts do not fit together
 */
export async function fetchTable(
  deps: FetchDeps,
  sessions: Sessions,
  root: CID,
  signal: AbortSignal,
): Promise<{ table: Table; receivedBytes: number }> {
  const { store } = deps
  let receivedBytes = 0
  const local = store.table(root)
  if (local !== undefined) return { table: local, receivedBytes }

  const parts = async (cids: readonly CID[]): Promise<void> => {
    let lacking = [...cids]
    const empty = new Set<string>()
    for (let attempt = 0; lacking.length > 0; attempt++) {
      signal.throwIfAborted()
      const peer = choose(sessions.open, empty, deps.random)
      if (peer === undefined || attempt >= TRIES_MAX) {
        throw new HotblockError('NO_PEERS', `no peer delivers the table of ${root}`)
      }
      const got = await askHedged(deps, sessions, peer, lacking, empty)
      for (const { bytes } of got) receivedBytes += bytes.byteLength
      await store.putTableBytes(got)
      const keys = new Set(got.map(({ cid }) => cid.toString()))
      lacking = lacking.filter((cid) => !keys.has(cid.toString()))
      if (got.length > 0) continue
      empty.add(peer.peer)
      // When nobody has it yet, somebody may in a moment.
      if (sessions.open.every(({ peer }) => empty.has(peer))) {
        empty.clear()
        await new Promise((resolve) => setTimeout(resolve, TABLE_PAUSE_MS))
      }
    }
  }

  if (store.tableBytes(root) === undefined) await parts([root])
  const head = decodeRoot(store.tableBytes(root)!)
  const lacking = new Map<string, CID>()
  for (const { cid } of head.segments) if (store.tableBytes(cid) === undefined) lacking.set(cid.toString(), cid)
  const cids = [...lacking.values()]
  const groups: CID[][] = []
  for (let at = 0; at < cids.length; at += TABLE_PARTS_MAX) groups.push(cids.slice(at, at + TABLE_PARTS_MAX))
  await inParallel(groups, TABLE_REQUESTS_MAX, parts)
  const table = store.table(root)
  if (table === undefined) throw new HotblockError('BAD_TABLE', `the table of ${root} is not complete`)
  return { table, receivedBytes }
}

/** Any peer but those that had nothing of the table just now. */
function choose(open: OpenPeer[], empty: ReadonlySet<string>, random: Random): OpenPeer | undefined {
  const full = open.filter(({ peer }) => !empty.has(peer))
  return chooseTablePeer(full.length > 0 ? full : open, random)
}

/** Asks a peer, and a second one when the first keeps silent: a peer that hangs must not hold up the whole fetch. */
async function askHedged(
  deps: FetchDeps,
  sessions: Sessions,
  peer: OpenPeer,
  cids: readonly CID[],
  empty: ReadonlySet<string>,
): Promise<Part[]> {
  const first = ask(deps, sessions, peer, cids)
  const early = await Promise.race([first, after(HEDGE_MS)])
  if (early !== undefined) return early
  const others = sessions.open.filter((other) => other.peer !== peer.peer)
  const other = choose(others, empty, deps.random)
  if (other === undefined) return first
  const second = ask(deps, sessions, other, cids)
  const sooner = await Promise.race([first, second])
  if (sooner.length > 0) return sooner
  const both = await Promise.all([first, second])
  return both.find((parts) => parts.length > 0) ?? []
}

function after(ms: number): Promise<undefined> {
  return new Promise((resolve) => setTimeout(resolve, ms, undefined))
}

async function ask(deps: FetchDeps, sessions: Sessions, peer: OpenPeer, cids: readonly CID[]): Promise<Part[]> {
  const good: Part[] = []
  try {
    const answers = await peer.session.table(cids)
    for (let i = 0; i < cids.length; i++) {
      const bytes = answers[i]
      if (bytes === undefined) continue
      verifyBlob(cids[i]!, bytes)
      good.push({ cid: cids[i]!, bytes: bytes.slice() })
    }
  } catch (error) {
    const code = error instanceof HotblockError ? error.code : 'INTERNAL'
    deps.log.warn({ peer: peer.peer, code, error: (error as Error).message }, 'the peer did not deliver the table')
    sessions.drop(peer.peer, code === 'BAD_TABLE' || code === 'BAD_MESSAGE' ? code : undefined)
  }
  return good
}
