/** From a job's submission until all its nodes can use an image: with the hooks, without them, and with Slurm's sbcast. */
import { rm, writeFile } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { fetchOn, publishOn } from '../support/nodes.ts'
import { type SlurmMesh, withSlurmMesh } from '../support/slurm-mesh.ts'
import { withDirectory } from '../support/temporary.ts'
import { median } from './measure.ts'

export interface SlurmRow {
  /** What the nodes have before. */
  readonly before: 'nothing' | 'another image'
  readonly how: string
  /** Seconds; from submission to the start of the job's script, from there until all nodes have the image, and both. */
  readonly toStart: number
  readonly toUsable: number
  readonly seconds: number
}

type Times = Pick<SlurmRow, 'toStart' | 'toUsable' | 'seconds'>

const NODES = ['n1', 'n2', 'n3', 'n4']
/** How long the job of one row waits for its nodes. */
const QUEUE_SECONDS = 40
const JOB_MS = 600_000

interface Way {
  readonly name: string
  readonly how: string
  readonly hooks: boolean
  /** Waits in the queue; what that takes is no part of the times. */
  readonly queued?: boolean
  readonly sbcast?: readonly string[]
}

const WAYS: readonly Way[] = [
  { name: 'none', how: 'no hooks: the job waits for its own fetch', hooks: false },
  { name: 'hooks', how: 'hooks, the job starts at once', hooks: true },
  {
    name: 'seeds',
    how: `hooks, the job's nodes are seeds, ${QUEUE_SECONDS} s in the queue`,
    hooks: true,
    queued: true,
  },
  { name: 'sbcast', how: 'sbcast', hooks: false, sbcast: [] },
  { name: 'lz4', how: 'sbcast --compress=lz4', hooks: false, sbcast: ['--compress=lz4'] },
]

/**
 * @param first what the nodes have in half of the rows
 * @param second the image of the job
 * @param ways names of WAYS; all, if there are none
 */
export async function benchSlurm(
  first: string,
  second: string,
  runs: number,
  ways: readonly string[],
  say: (text: string) => void,
): Promise<SlurmRow[]> {
  return withDirectory((directory) => {
    const settings = { seeds: 'n[1-4]' }
    return withSlurmMesh(directory, { nodes: NODES, settings, conf: [] }, async (mesh) => {
      const { builder, nodes } = mesh
      await publishOn(builder, first, 'first')
      const rows: SlurmRow[] = []
      for (const before of ['nothing', 'another image'] as const) {
        // sbcast does not care for what is there.
        const wanted = WAYS.filter((way) => before === 'nothing' || way.sbcast === undefined).filter(
          ({ name }) => ways.length === 0 || ways.includes(name),
        )
        if (before === 'another image' && wanted.length > 0) {
          say('the nodes fetch the first image')
          await Promise.all([...nodes.values()].map((node) => fetchOn(node, 'first')))
        }
        for (const way of wanted) {
          say(`nodes that have ${before}: ${way.how}`)
          const times: Times[] = []
          for (let i = 0; i < runs; i++) {
            // A name of its own, as nothing is told twice that was told a moment ago.
            const name = `${way.name}-${before.split(' ').length}-${i + 1}`
            await publishOn(builder, second, name)
            times.push(await once(mesh, way, name, second))
          }
          const of = (field: keyof Times): number => median(times.map((each) => each[field]))
          const row = { toStart: of('toStart'), toUsable: of('toUsable'), seconds: of('seconds') }
          rows.push({ before, how: way.how, ...row })
          say(`${times.map(({ seconds }) => seconds.toFixed(1)).join(', ')} s; medians ${JSON.stringify(row)}`)
        }
      }
      return rows
    })
  })
}

async function once(mesh: SlurmMesh, way: Way, name: string, image: string): Promise<Times> {
  const { slurm, installed } = mesh
  if (way.hooks) await rm(installed.off, { force: true })
  else await writeFile(installed.off, '')
  const wait = `${mesh.program} wait ${name} --timeout 500 --home ${mesh.homeOf('$SLURMD_NODENAME')} >/dev/null`
  const bring =
    way.sbcast === undefined
      ? `srun --overlap bash -c '${wait} && echo usable $(date +%s.%N)'`
      : `sbcast ${way.sbcast.join(' ')} ${image} ${slurm.local}/image && echo usable $(date +%s.%N)`
  const script = [
    '#!/bin/bash',
    ...(way.hooks ? [`#HOTBLOCK image=${name}`] : []),
    'echo start $(date +%s.%N)',
    bring,
    '',
  ]
  let submitted = Date.now() / 1000
  const job = await slurm.submit(script.join('\n'), [`-N${NODES.length}`, ...(way.queued ? ['--hold'] : [])])
  if (way.queued) {
    await sleep(QUEUE_SECONDS * 1000)
    submitted = Date.now() / 1000
    await slurm.run('scontrol', ['release', String(job)])
  }
  const state = await slurm.ended(job, JOB_MS)
  const text = await slurm.output(job)
  const times = (what: string) => [...text.matchAll(new RegExp(`^${what} (.*)$`, 'gm'))].map(([, time]) => Number(time))
  const usable = times('usable')
  if (state !== 'COMPLETED' || usable.length !== (way.sbcast === undefined ? NODES.length : 1)) {
    throw new Error(`the job ${state}: ${text}`)
  }
  const start = times('start')[0]!
  const end = Math.max(...usable)
  await clean(mesh, name)
  return { toStart: start - submitted, toUsable: end - start, seconds: end - submitted }
}

/** The next job finds its nodes as this one has. */
async function clean({ slurm, nodes }: SlurmMesh, image: string): Promise<void> {
  for (const [node, { api }] of nodes) {
    await rm(`${slurm.local}.${node}/image`, { force: true })
    if ((await api.images({ mesh: false })).some(({ name }) => name === image)) await api.remove(image)
  }
}
