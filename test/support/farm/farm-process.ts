/** A farm as a process of its own, and its commands. */
import { spawn } from 'node:child_process'
import { openSync } from 'node:fs'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { finish, firstLine } from '../processes.ts'
import { TOKEN } from './farm.ts'

/** The program with a maker that writes small files. */
const TEST_MAIN = join(import.meta.dirname, 'farm-main.ts')

export interface FarmProcess {
  readonly home: string
  readonly url: string
  readonly peer: string
  readonly address: string
  /** Asks over the network, with the token. */
  ask(path: string, init?: RequestInit): Promise<Response>
  kill(): Promise<void>
  stop(): Promise<void>
}

/**
 * Starts `hotblock farm` and waits until it is ready. Its log goes to HOME.log.
 *
 * @param section further lines of the section `farm` of its settings
 */
export async function startFarmProcess(
  home: string,
  flags: readonly string[] = [],
  main = TEST_MAIN,
  section = '',
): Promise<FarmProcess> {
  await mkdir(home, { recursive: true })
  const tokenFile = `${home}.token`
  await writeFile(tokenFile, `tester:${TOKEN}\n`, { mode: 0o600 })
  await writeFile(`${home}.yaml`, `farm:\n  floor: 100M\n${section}`)
  const listen = ['--listen', '/ip4/127.0.0.1/tcp/0', '--listen-http', '127.0.0.1:0', '--floor', '100M']
  const args = ['farm', '--json', '--home', home, '--token-file', tokenFile, '--config', `${home}.yaml`, ...listen]
  const log = openSync(`${home}.log`, 'a')
  const child = spawn(process.execPath, [main, ...args, ...flags], { stdio: ['ignore', 'pipe', log] })
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()))
  const ready = await firstLine(child).catch(async (error) => {
    throw new Error(`${error.message}: ${(await readFile(`${home}.log`, 'utf8')).slice(-2000)}`)
  })
  if (ready.error !== undefined) throw new Error(JSON.stringify(ready.error))
  const { url, peer, addresses } = ready as { url: string; peer: string; addresses: string[] }
  const end = async (signal: NodeJS.Signals): Promise<void> => {
    child.kill(signal)
    await exited
  }
  return {
    home,
    url,
    peer,
    address: addresses[0]!,
    ask: (path, init = {}) => {
      const headers = { authorization: `Bearer ${TOKEN}`, ...(init.headers as Record<string, string> | undefined) }
      return fetch(url + path, { redirect: 'manual', ...init, headers })
    },
    kill: () => end('SIGKILL'),
    stop: () => end('SIGTERM'),
  }
}

/** Runs `hotblock farm ARGS` against a farm that was started so. */
export function farmCommand(home: string, ...args: string[]) {
  return farmCommandOf(TEST_MAIN, home, ...args)
}

export function farmCommandOf(main: string, home: string, ...args: string[]) {
  return finish(spawn(process.execPath, [main, 'farm', ...args, '--home', home], { stdio: ['ignore', 'pipe', 'pipe'] }))
}
