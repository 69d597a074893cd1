import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { hashImage } from '../../../node/hashing.ts'
import { createPool } from '../../../node/pool/pool.ts'
import { BLOCK_BYTES_DEFAULT } from '../../../protocols/table/constants.ts'
import { hookKeys } from '../../../protocols/table/sample.ts'
import type { Table } from '../../../protocols/table/table.ts'
import { type DiscoveryNode, startNode as startDiscovery } from '../../support/discovery-nodes.ts'
import { publishOn, type RunningNode, startNode, type TestMesh } from '../../support/nodes.ts'
import type { Check } from '../rows.ts'
import { spreadOf } from '../rows.ts'
import { cpuOfEach, withRestingMesh } from './mesh.ts'
import type { Bench, Work } from './work.ts'

const [NODES, QUICK_NODES] = [20, 6]
/** From the call of publish on: all that it sets off is over by then. */
const [WINDOW_MS, QUICK_WINDOW_MS] = [15_000, 6_000]
const PAUSE_MS = 5_000
const LOOK_UPS_MOST = 100
const [OWN_SECONDS_MOST, OTHER_SECONDS_MOST, LOOK_UP_MS_MOST] = [1, 0.2, 50]
/** The same image with fewer and with more blocks. */
const CUTS = ['auto', 'fixed:4096']

interface Round {
  readonly own: number
  readonly other: number
  readonly lookUpMs: number
}

export const advertise: Work = {
  name: 'advertise',
  what: `a node tells a mesh of ${NODES} what it has, and another one looks for it`,
  run: (bench) =>
    withRestingMesh(bench.quick ? QUICK_NODES : NODES, bench, async (mesh) => {
      const alone = await startNode({ home: join(bench.directory, 'alone') })
      const looking = await startDiscovery({ bootstrap: [mesh.builder.address] })
      try {
        const checks: Check[] = []
        for (const cut of bench.quick ? CUTS.slice(0, 1) : CUTS) {
          const table = await tableOf(bench.second, cut)
          const rounds: Round[] = []
          for (let i = 0; i < bench.runs; i++) rounds.push(await once(mesh, alone, looking, bench, cut, table))
          checks.push(...checksOf(rounds, table))
        }
        return { rows: [], checks }
      } finally {
        await Promise.all([alone.stop(), looking.stop()])
      }
    }),
}

/**
 * What publishing takes beyond what it takes on a node that is alone is advertising. What nodes of the mesh take while
 * nothing goes on is taken off.
 */
async function once(
  mesh: TestMesh,
  alone: RunningNode,
  looking: DiscoveryNode,
  bench: Bench,
  cut: string,
  table: Table,
): Promise<Round> {
  const { builder, workers } = mesh
  const pids = [alone, builder, ...workers].map(({ pid }) => pid)
  const windowMs = bench.quick ? QUICK_WINDOW_MS : WINDOW_MS
  const idle = await cpuOfEach(pids, () => sleep(windowMs))
  const publish = (node: RunningNode) => async (): Promise<void> => {
    const window = sleep(windowMs)
    await publishOn(node, bench.second, 'wanted', cut)
    await window
  }
  const [onlyPublishing] = await cpuOfEach([alone.pid], publish(alone))
  const [own, ...others] = await cpuOfEach(pids.slice(1), publish(builder))
  const lookUpMs = await timeLookUps(looking, table, builder.peer)
  await Promise.all([alone, builder].map((node) => node.api.remove('wanted')))
  await sleep(PAUSE_MS)
  const round = {
    own: own! - idle[1]! - (onlyPublishing! - idle[0]!),
    other: Math.max(...others.map((seconds, i) => seconds - idle[2 + i]!)),
    lookUpMs,
  }
  bench.say(`advertise: ${round.own.toFixed(2)} s, others at most ${round.other.toFixed(2)} s`)
  return round
}

/** @returns the median, milliseconds */
async function timeLookUps({ discovery }: DiscoveryNode, table: Table, provider: string): Promise<number> {
  const times: number[] = []
  for (const key of hookKeys(table).slice(0, LOOK_UPS_MOST)) {
    const startedAt = performance.now()
    const [found] = await discovery.find([key])
    times.push(performance.now() - startedAt)
    if (!found!.providers.some(({ peer }) => peer === provider)) throw new Error('a block was not found on the DHT')
  }
  return spreadOf(times).median
}

function checksOf(rounds: readonly Round[], table: Table): Check[] {
  const what = `advertise ${table.blocks.toLocaleString('en-US')} blocks: `
  const of = (field: keyof Round, rest: string, unit: string, limit: number): Check => {
    return { what: what + rest, values: rounds.map((round) => round[field]), unit, limit, bound: 'most' }
  }
  return [
    of('own', 'processor of the node', 's', OWN_SECONDS_MOST),
    of('other', 'processor of the busiest other one', 's', OTHER_SECONDS_MOST),
    of('lookUpMs', 'finding peers of a block, median', 'ms', LOOK_UP_MS_MOST),
  ]
}

async function tableOf(file: string, cut: string): Promise<Table> {
  const pool = createPool()
  try {
    return (await hashImage(file, pool, { cut, blockBytes: BLOCK_BYTES_DEFAULT })).table
  } finally {
    await pool.close()
  }
}
