/**
 * A cluster's network on one machine: a network namespace a host, and one for the switches, joined by pairs of virtual
 * Ethernet devices with a rate each way.
 *
 * Where hosts share a link, each pair of hosts has a class of its own (HTB), and classes that have something to send share
 * the link evenly. So the sharing is max-min fair, as the simulator has it, whatever TCP makes of losses and delays; and what
 * one sender has waiting delays no other.
 */
import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { type Plan, rackOf, uplinkBytes } from './options.ts'

const PATH = `${process.env.PATH ?? ''}:/usr/sbin:/sbin`
/** Packets that wait in a class at most: enough to keep the link busy, few enough that what is said last comes soon. */
const QUEUE_PACKETS = 64
/** What goes through at once: a few full packets. */
const BURST_BYTES = 6_000
/** Packets that TCP hands down as one: a large one would hold up a slow link for long. */
const GSO_PACKETS = 4
/** All of the machine, of which some is used for what is not TCP between two hosts. */
const REST_CLASS = 'fffe'

export interface Links {
  /** The words that run a command on a host. */
  through(host: number): string[]
  /** The host's address. */
  address(host: number): string
  /** Bytes that have come to the host, Ethernet headers included. */
  receivedBytes(host: number): number
  close(): void
}

/** Why this machine cannot have such a network; undefined: it can. */
export function whyNoLinks(): string | undefined {
  if (process.getuid?.() !== 0) return 'making network namespaces needs root'
  const lacking = ['ip', 'tc'].filter(
    (name) => !PATH.split(':').some((directory) => existsSync(`${directory}/${name}`)),
  )
  if (lacking.length > 0) return `missing: ${lacking.join(', ')} (Debian package iproute2)`
  const name = `hb${process.pid}-try`
  try {
    tool('ip', ['netns', 'add', name])
    tool('ip', ['-n', name, 'link', 'add', 'v0', 'type', 'veth', 'peer', 'name', 'v1'])
    tool('ip', ['-n', name, 'link', 'add', 'b0', 'type', 'bridge'])
    tool('tc', ['-n', name, '-batch', '-'], classes('v0', 1e6, [{ from: '10.83.0.1', to: '10.83.0.2' }]))
    return undefined
  } catch (error) {
    return `the kernel has not what is needed (namespaces, veth, bridge, sch_htb, cls_u32): ${(error as Error).message}`
  } finally {
    tryTool('ip', ['netns', 'del', name])
  }
}

/** Makes the network. Hosts are numbered from 0, the builder. */
export function makeLinks(plan: Plan): Links {
  const hosts = Array.from({ length: plan.nodes + 1 }, (_, host) => host)
  const prefix = `hb${process.pid}`
  const nameOf = (host: number): string => `${prefix}-${host}`
  const address = (host: number): string => `10.83.0.${host + 1}`
  const switches = `${prefix}-switch`
  const made: string[] = []
  const close = (): void => {
    for (const name of made.splice(0)) {
      // What was started on the hosts and has not ended, as when the user stops everything.
      for (const pid of tryTool('ip', ['netns', 'pids', name]).split('\n').filter(Boolean)) kill(Number(pid))
      tryTool('ip', ['netns', 'del', name])
    }
  }
  try {
    for (const name of [switches, ...hosts.map(nameOf)]) {
      tool('ip', ['netns', 'add', name])
      made.push(name)
    }
    const racks = Array.from({ length: plan.racks }, (_, rack) => rack)
    const inSwitches: string[] = []
    for (const rack of racks)
      inSwitches.push(`link add rack${rack} type bridge forward_delay 0`, `link set rack${rack} up`)
    if (plan.racks > 1) {
      inSwitches.push('link add up0 type veth peer name up1')
      for (const rack of racks) inSwitches.push(`link set up${rack} master rack${rack} up gso_max_segs ${GSO_PACKETS}`)
    }
    for (const host of hosts) {
      const port = `port${host}`
      inSwitches.push(
        `link add ${port} type veth peer name eth0 netns ${nameOf(host)}`,
        `link set ${port} master rack${rackOf(plan, host)} up gso_max_segs ${GSO_PACKETS}`,
      )
    }
    batch('ip', switches, inSwitches)
    const shaping: string[] = []
    for (const host of hosts) {
      const others = hosts.filter((other) => other !== host)
      batch('ip', nameOf(host), [
        'link set lo up',
        `link set eth0 up gso_max_segs ${GSO_PACKETS}`,
        `addr add ${address(host)}/24 dev eth0`,
        // The one that every machine has and allows: with another one each would be another cluster.
        'route replace 10.83.0.0/24 dev eth0 congctl reno',
      ])
      const up = others.map((other) => ({ from: address(host), to: address(other) }))
      tool('tc', ['-n', nameOf(host), '-batch', '-'], classes('eth0', plan.linkBytes, up))
      const down = others.map((other) => ({ from: address(other), to: address(host) }))
      shaping.push(classes(`port${host}`, plan.linkBytes, down))
    }
    for (const rack of plan.racks > 1 ? racks : []) {
      const pairs = hosts
        .filter((from) => rackOf(plan, from) === rack)
        .flatMap((from) => hosts.filter((to) => rackOf(plan, to) !== rack).map((to) => ({ from, to })))
      const named = pairs.map(({ from, to }) => ({ from: address(from), to: address(to) }))
      shaping.push(classes(`up${rack}`, uplinkBytes(plan), named))
    }
    tool('tc', ['-n', switches, '-batch', '-'], shaping.join(''))
  } catch (error) {
    close()
    throw error
  }
  return {
    through: (host) => ['ip', 'netns', 'exec', nameOf(host)],
    address,
    receivedBytes: (host) => {
      const [device] = JSON.parse(tool('ip', ['-n', nameOf(host), '-j', '-s', 'link', 'show', 'eth0']))
      return device.stats64.rx.bytes
    },
    close,
  }
}

/** Lines for tc: what is sent on the device goes at this rate, shared evenly among the pairs that send. */
function classes(device: string, rateBytes: number, pairs: readonly { from: string; to: string }[]): string {
  const share = Math.max(1000, Math.floor(rateBytes / (pairs.length + 1)))
  const burst = `burst ${BURST_BYTES} cburst ${BURST_BYTES} quantum 1514`
  const lines = [
    `qdisc add dev ${device} root handle 1: htb default ${REST_CLASS}`,
    `class add dev ${device} parent 1: classid 1:ffff htb rate ${rateBytes}bps ceil ${rateBytes}bps ${burst}`,
  ]
  const leaf = (id: string): void => {
    lines.push(
      `class add dev ${device} parent 1:ffff classid 1:${id} htb rate ${share}bps ceil ${rateBytes}bps ${burst}`,
      `qdisc add dev ${device} parent 1:${id} pfifo limit ${QUEUE_PACKETS}`,
    )
  }
  leaf(REST_CLASS)
  pairs.forEach(({ from, to }, i) => {
    const id = (i + 1).toString(16)
    leaf(id)
    const match = `u32 match ip src ${from}/32 match ip dst ${to}/32`
    lines.push(`filter add dev ${device} parent 1: protocol ip prio 1 ${match} flowid 1:${id}`)
  })
  return `${lines.join('\n')}\n`
}

function batch(command: 'ip' | 'tc', namespace: string, lines: readonly string[]): void {
  tool(command, ['-n', namespace, '-batch', '-'], `${lines.join('\n')}\n`)
}

function tool(command: string, args: readonly string[], input = ''): string {
  const env = { ...process.env, PATH, LC_ALL: 'C' }
  return execFileSync(command, args, { env, input, encoding: 'utf8', stdio: ['pipe', 'pipe', 'pipe'] })
}

/** @returns what it printed; nothing if it failed, since what it was for was not there or is gone already */
function tryTool(command: string, args: readonly string[]): string {
  try {
    return tool(command, args)
  } catch {
    return ''
  }
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // It has ended by itself.
  }
}
