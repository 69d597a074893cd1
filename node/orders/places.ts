/** Where the node of a host is: an address of its own from a file, else the host's name and the port that all have. */
import { open } from 'node:fs/promises'
import { isIPv4, isIPv6 } from 'node:net'
import { type Multiaddr, multiaddr } from '@multiformats/multiaddr'
import { HotblockError } from '../../protocols/errors.ts'
import { isHost } from '../hooks/core/hostlist.ts'

export const NODES_FILE_BYTES_MAX = 2 * 1024 * 1024
const PLACE = /^(?:\[([0-9a-fA-F:.]+)\]|([A-Za-z0-9._-]+)):(\d{1,5})$/

export interface PlacesInit {
  /** Port of nodes that the file does not name. */
  readonly port: number
  /** Lines `NAME HOST:PORT`; read again when it has changed. */
  readonly file?: string | undefined
}

/** Addresses of hosts, at the state that the file has now. */
export class Places {
  readonly #init: PlacesInit
  #known: ReadonlyMap<string, Multiaddr> = new Map()
  #version = ''

  constructor(init: PlacesInit) {
    this.#init = init
  }

  /** @throws BAD_CONFIG, BAD_FILE, NO_SUCH_FILE: what is wrong with the file, at its first use and whenever it changes */
  async load(): Promise<(host: string) => Multiaddr> {
    const { file, port } = this.#init
    if (file !== undefined) {
      await using handle = await open(file, 'r')
      const { mtimeMs, size, ino } = await handle.stat()
      const version = `${mtimeMs}/${size}/${ino}`
      if (version !== this.#version) {
        if (size > NODES_FILE_BYTES_MAX) throw bad(file, `it is larger than ${NODES_FILE_BYTES_MAX} bytes`)
        const buffer = Buffer.alloc(size)
        const { bytesRead } = await handle.read(buffer, 0, size, 0)
        this.#known = readPlaces(buffer.toString('utf8', 0, bytesRead), file)
        this.#version = version
      }
    }
    const known = this.#known
    return (host) => known.get(host) ?? placeOf(host, port)
  }
}

/** @throws BAD_CONFIG naming the line */
export function readPlaces(text: string, file: string): Map<string, Multiaddr> {
  const places = new Map<string, Multiaddr>()
  for (const [i, line] of text.split('\n').entries()) {
    const words = line.replace(/#.*/, '').trim().split(/\s+/)
    if (words[0] === '') continue
    const [name = '', place = '', ...more] = words
    const [, ip6, host = '', port] = PLACE.exec(place) ?? []
    const right = isHost(name) && more.length === 0 && Number(port) >= 1 && Number(port) <= 65_535
    if (!right || (ip6 === undefined ? !isHost(host) : !isIPv6(ip6))) {
      throw bad(file, `line ${i + 1} is not NAME HOST:PORT`)
    }
    places.set(name, ip6 === undefined ? placeOf(host, Number(port)) : multiaddr(`/ip6/${ip6}/tcp/${port}`))
  }
  return places
}

function placeOf(host: string, port: number): Multiaddr {
  return multiaddr(`/${isIPv4(host) ? 'ip4' : 'dns4'}/${host}/tcp/${port}`)
}

function bad(file: string, what: string): HotblockError {
  return new HotblockError('BAD_CONFIG', `${file}: ${what}`, { setting: 'nodesFile' })
}
