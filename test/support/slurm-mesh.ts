/** A Slurm whose nodes each have a hotblock daemon, with one for the controller and a builder, and the hooks installed. */
import { chmod, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type RunningNode, startNode } from './nodes.ts'
import { mainProgram } from './program.ts'
import { type Slurm, startSlurm } from './slurm.ts'
import { endHooks, type Installed, installHooks, type Settings } from './slurm-hooks.ts'

export interface SlurmMesh {
  readonly slurm: Slurm
  readonly installed: Installed
  readonly builder: RunningNode
  readonly controller: RunningNode
  /** Names are those of Slurm. */
  readonly nodes: ReadonlyMap<string, RunningNode>
  /** The program `hotblock`, as hooks and jobs run it. */
  readonly program: string
  /** Home of a node's daemon; in a script on the node: homeOf('$SLURMD_NODENAME'). */
  homeOf(node: string): string
  /** Starts a daemon again that has ended. */
  again(node: string): Promise<void>
}

export interface SlurmMeshOptions {
  readonly nodes?: readonly string[]
  readonly settings?: Partial<Settings>
  /** Of install.sh. */
  readonly flags?: readonly string[]
  /** Lines of slurm.conf. */
  readonly conf?: readonly string[]
  /** Without the hooks: install.sh is not run. */
  readonly bare?: boolean
}

/** The controller's place in homeOf. */
const CONTROLLER = 'controller'

export async function withSlurmMesh<T>(
  directory: string,
  options: SlurmMeshOptions,
  use: (mesh: SlurmMesh) => Promise<T>,
): Promise<T> {
  const { nodes: names = ['n1', 'n2', 'n3', 'n4'], settings = {}, flags, conf = ['PrologFlags=Alloc'] } = options
  const homeOf = (node: string): string => join(directory, `home-${node}`)
  const places = join(directory, 'nodes')
  await writeFile(places, '')
  const program = await makeProgram(directory)
  const running: RunningNode[] = []
  let slurm: Slurm | undefined
  try {
    const builder = await startNode({ home: join(directory, 'home-builder') })
    running.push(builder)
    const mesh = { bootstrap: [builder.address], trust: [builder.peer] }
    const controllerFlags = ['--nodes-file', places]
    const controller = await startNode({ home: homeOf(CONTROLLER), flags: controllerFlags, ...mesh })
    running.push(controller)
    const begin = async (name: string, listen?: string): Promise<RunningNode> => {
      const where = listen === undefined ? {} : { listen }
      const nodeFlags = ['--scheduler-peer', controller.peer]
      const node = await startNode({ home: homeOf(name), flags: nodeFlags, ...where, ...mesh })
      running.push(node)
      return node
    }
    const nodes = new Map<string, RunningNode>()
    await Promise.all(names.map(async (name) => nodes.set(name, await begin(name))))
    await writeFile(places, names.map((name) => `${name} ${placeOf(nodes.get(name)!)}\n`).join(''))
    slurm = await startSlurm(join(directory, 's'), names, conf)
    const home = homeOf(`\${SLURMD_NODENAME:-${CONTROLLER}}`)
    const etc = join(slurm.conf, '..')
    const installed = await installHooks(etc, { program, home, ...settings }, options.bare ? ['--files-only'] : flags)
    if (!options.bare) await slurm.restart()
    return await use({
      slurm,
      installed,
      builder,
      controller,
      nodes,
      program,
      homeOf,
      async again(name) {
        const [, , , , port] = nodes.get(name)!.address.split('/')
        nodes.set(name, await begin(name, `/ip4/127.0.0.1/tcp/${port}`))
      },
    })
  } finally {
    await slurm?.stop()
    await Promise.all(running.map((node) => node.stop()))
    await endHooks(directory)
  }
}

/** Nodes that hold the whole image of that name, sorted. */
export async function holders({ nodes }: Pick<SlurmMesh, 'nodes'>, name: string): Promise<string[]> {
  const held: string[] = []
  for (const [node, { api }] of nodes) {
    if ((await api.images({ mesh: false })).some((row) => row.name === name && row.state === 'complete'))
      held.push(node)
  }
  return held.sort()
}

async function makeProgram(directory: string): Promise<string> {
  const program = join(directory, 'hotblock')
  await writeFile(program, `#!/bin/sh\nexec ${process.execPath} ${mainProgram()} "$@"\n`)
  await chmod(program, 0o755)
  return program
}

/** /ip4/HOST/tcp/PORT/p2p/ID → HOST:PORT */
function placeOf({ address }: RunningNode): string {
  const [, , host, , port] = address.split('/')
  return `${host}:${port}`
}
