/**
 * A real Slurm on this machine: munged, slurmctld and several slurmd (`slurmd -N`), in a directory of its own and on
 * free ports. As root; without cgroups (proctrack/pgid, task/none), so that it also runs in a container.
 */
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { openSync } from 'node:fs'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { until } from './hosts.ts'
import { PATH } from './needed.ts'

/** What testWith is to be given. */
export const SLURM_TOOLS = [
  'the rights of root',
  'munged',
  'slurmctld',
  'slurmd',
  'sbatch',
  'scontrol',
  'unshare',
] as const

const READY_MS = 30_000
const END_MS = 5000
const JOB_MS = 60_000
/** More jobs at the same time than the machine has processors: what they do is wait. */
const NODE_CPUS = 8

/** States of jobs that have not ended. */
const LIVING: ReadonlySet<string> = new Set(['PENDING', 'CONFIGURING', 'RUNNING', 'COMPLETING'])

export interface Slurm {
  /** The configuration's file; its directory is where hooks are installed. */
  readonly conf: string
  readonly directory: string
  readonly nodes: readonly string[]
  /** A directory that is another one on each node, as its local disk is. */
  readonly local: string
  /** Runs a command of Slurm (sbatch, sinfo, scontrol …). @returns what it printed @throws where it fails */
  run(command: string, args: readonly string[], input?: string): Promise<string>
  /** Submits a script. @returns the job's id */
  submit(script: string, args?: readonly string[]): Promise<number>
  /** Waits until the job has ended. @returns its state, such as COMPLETED */
  ended(job: number, ms?: number): Promise<string>
  /** What the job wrote. */
  output(job: number): Promise<string>
  /** Nodes that take no jobs, and why. */
  unusable(): Promise<string[]>
  /** Ends slurmctld and slurmd and starts them with the configuration as it is now. */
  restart(): Promise<void>
  logs(): Promise<string>
  stop(): Promise<void>
}

/**
 * @param directory empty or absent; everything of the cluster lies in it
 * @param nodes names such as n1
 * @param settings further lines of slurm.conf
 */
export async function startSlurm(
  directory: string,
  nodes: readonly string[],
  settings: readonly string[] = [],
): Promise<Slurm> {
  const at = (name: string): string => join(directory, name)
  const locals = nodes.map((node) => `local.${node}`)
  for (const name of ['state', 'run', 'log', 'out', 'etc', 'local', ...locals]) {
    await mkdir(at(name), { recursive: true })
  }
  await writeFile(join(directory, 'munge.key'), randomBytes(1024), { mode: 0o600 })
  const conf = join(directory, 'etc', 'slurm.conf')
  await writeFile(conf, configuration(directory, nodes, await freePorts(2 + nodes.length), settings))
  const env = { PATH, LC_ALL: 'C', SLURM_CONF: conf }
  const begin = (name: string, command: string, args: readonly string[]): ChildProcess => {
    const log = openSync(join(directory, 'log', `${name}.out`), 'a')
    return spawn(command, args, { env, cwd: directory, stdio: ['ignore', log, log] })
  }
  const munged = begin('munged', 'munged', [
    ...['--foreground', '--force', '--num-threads', '2'],
    ...['key-file=munge.key', 'socket=run/munge', 'pid-file=run/munged.pid', 'log-file=log/munged.log'].map(
      (option) => {
        const [key, path = ''] = option.split('=')
        return `--${key}=${join(directory, path)}`
      },
    ),
    `--seed-file=${join(directory, 'run', 'munge.seed')}`,
  ])
  let daemons: ChildProcess[] = []
  const run: Slurm['run'] = (command, args, input = '') => {
    return new Promise((resolve, reject) => {
      const done = (error: Error | null, stdout: string, stderr: string): void => {
        if (error === null) resolve(stdout)
        else reject(new Error(`${command} ${args.join(' ')}: ${stderr || error.message}`))
      }
      const child = execFile(command, args, { env, cwd: directory, timeout: READY_MS, encoding: 'utf8' }, done)
      child.stdin!.on('error', () => {})
      child.stdin!.end(input)
    })
  }
  const begins = async (): Promise<void> => {
    daemons = [begin('slurmctld', 'slurmctld', ['-D', '-f', conf])]
    for (const node of nodes) {
      const mount = ['-m', 'sh', '-c', 'mount --bind "$1" "$2" && shift 2 && exec "$@"', 'sh']
      const args = [...mount, at(`local.${node}`), at('local'), 'slurmd', '-D', '-N', node, '-f', conf]
      daemons.push(begin(`slurmd.${node}`, 'unshare', args))
    }
    // A node that has not registered yet may be called idle too.
    const idle = async (): Promise<boolean> => {
      const lines = (await run('scontrol', ['-o', 'show', 'node']).catch(() => '')).split('\n')
      const ready = lines.filter((line) => / State=IDLE /.test(line) && / SlurmdStartTime=\d/.test(line))
      return ready.length === nodes.length
    }
    await until(idle, 'all nodes of Slurm are idle', READY_MS)
  }
  const ends = async (): Promise<void> => {
    await Promise.all(daemons.reverse().map(end))
    daemons = []
  }
  const stop = async (): Promise<void> => {
    await run('scancel', ['--full', '--quiet', '--user=root']).catch(() => {})
    await ends()
    await end(munged)
  }
  const logs = async (): Promise<string> => {
    const names = ['slurmctld.log', ...nodes.map((node) => `slurmd.${node}.log`)]
    const texts = await Promise.all(names.map((name) => readFile(join(directory, 'log', name), 'utf8').catch(() => '')))
    return texts.map((text) => text.slice(-3000)).join('\n')
  }
  try {
    await begins()
  } catch (error) {
    await stop()
    throw new Error(`${(error as Error).message}\n${await logs()}`)
  }
  return {
    conf,
    directory,
    nodes,
    local: at('local'),
    run,
    logs,
    stop,
    async submit(script, args = []) {
      const to = ['--parsable', '-o', join(directory, 'out', '%j'), ...args]
      return Number.parseInt(await run('sbatch', to, script), 10)
    },
    async ended(job, ms = JOB_MS) {
      for (const end = performance.now() + ms; ; await sleep(50)) {
        // On a machine that is very busy slurmctld may not answer at once.
        const text = await run('scontrol', ['show', 'job', String(job)]).catch((error: Error) => error.message)
        const state = /\bJobState=(\w+)/.exec(text)?.[1]
        if (state !== undefined && !LIVING.has(state)) return state
        if (performance.now() > end) throw new Error(`job ${job}: ${text}, after ${ms} ms\n${await logs()}`)
      }
    },
    output: (job) => readFile(join(directory, 'out', String(job)), 'utf8'),
    async unusable() {
      const lines = (await run('sinfo', ['-h', '-N', '-o', '%N %T %E'])).split('\n')
      // A star: it does not respond.
      return lines.filter((line) => /^\S+ (?:\S*\*|\S*(?:drain|down|fail|inval|unk|error|block)\S*) /i.test(line))
    },
    async restart() {
      await ends()
      await begins()
    },
  }
}

/** Runs `use` with a cluster, which has ended afterwards. */
export async function withSlurm<T>(
  directory: string,
  nodes: readonly string[],
  settings: readonly string[],
  use: (slurm: Slurm) => Promise<T>,
): Promise<T> {
  const slurm = await startSlurm(directory, nodes, settings)
  try {
    return await use(slurm)
  } finally {
    await slurm.stop()
  }
}

function configuration(
  directory: string,
  nodes: readonly string[],
  [controller, , ...ports]: readonly number[],
  settings: readonly string[],
): string {
  const at = (...path: string[]): string => join(directory, ...path)
  const host = hostname()
  return [
    'ClusterName=hotblock',
    `SlurmctldHost=${host}(127.0.0.1)`,
    `SlurmctldPort=${controller}`,
    'SlurmUser=root',
    'SlurmdUser=root',
    'AuthType=auth/munge',
    'CredType=cred/munge',
    `AuthInfo=socket=${at('run', 'munge')}`,
    `StateSaveLocation=${at('state')}`,
    `SlurmdSpoolDir=${at('spool.%n')}`,
    `SlurmctldPidFile=${at('run', 'slurmctld.pid')}`,
    `SlurmdPidFile=${at('run', 'slurmd.%n.pid')}`,
    `SlurmctldLogFile=${at('log', 'slurmctld.log')}`,
    `SlurmdLogFile=${at('log', 'slurmd.%n.log')}`,
    'ProctrackType=proctrack/pgid',
    'TaskPlugin=task/none',
    'SwitchType=switch/none',
    'MpiDefault=none',
    'JobAcctGatherType=jobacct_gather/none',
    'SelectType=select/cons_tres',
    'SelectTypeParameters=CR_Core',
    'SchedulerType=sched/backfill',
    // Jobs that are submitted one by one are looked at at once.
    'SchedulerParameters=batch_sched_delay=0,sched_interval=2,bf_interval=2',
    // A node that was drained or lost stays so: that is what the tests look for.
    'ReturnToService=0',
    'SlurmdParameters=config_overrides',
    'MaxJobCount=20000',
    'MinJobAge=300',
    ...settings,
    ...nodes.map((node, i) => {
      return `NodeName=${node} NodeHostname=${host} NodeAddr=127.0.0.1 Port=${ports[i]} CPUs=${NODE_CPUS} RealMemory=1000`
    }),
    'PartitionName=all Nodes=ALL Default=YES MaxTime=INFINITE State=UP',
    '',
  ].join('\n')
}

/** Ports that were free a moment ago: Slurm cannot choose them by itself. */
async function freePorts(count: number): Promise<number[]> {
  const servers = await Promise.all(
    Array.from({ length: count }, async () => {
      const server = createServer()
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
      return server
    }),
  )
  const ports = servers.map((server) => (server.address() as { port: number }).port)
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))))
  return ports
}

async function end(child: ChildProcess): Promise<void> {
  const gone = new Promise<void>((resolve) => child.once('exit', () => resolve()))
  if (child.exitCode !== null || child.signalCode !== null) return
  child.kill('SIGTERM')
  const timer = setTimeout(() => child.kill('SIGKILL'), END_MS)
  await gone
  clearTimeout(timer)
}
