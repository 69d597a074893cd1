/** What a calibration plays: one cluster and one image, for real daemons and for the simulator. */
import { parseArgs } from 'node:util'
import { parseRate, parseSize } from '../../protocols/quantities.ts'

export const USAGE =
  'usage: npm run calibrate -- [--nodes N] [--size BYTES] [--rate RATE] [--racks 1|2] [--oversubscription N] [--block BYTES] [--runs N] [--seed N] [--quick] [--json]'

export interface Plan {
  /** Workers; the builder is one host more. */
  readonly nodes: number
  readonly sizeBytes: number
  /** Blocks of the image, bytes; a power of two. */
  readonly blockBytes: number
  /** Of each host's link, each way, headers included: bytes a second. */
  readonly linkBytes: number
  /** Racks that the hosts stand in by turns; the builder stands in the first. */
  readonly racks: number
  /** How many times a rack's hosts could fill its uplink. */
  readonly oversubscription: number
  readonly runs: number
  readonly seed: number
  readonly json: boolean
}

/** @throws what is wrong with the arguments, in a sentence */
export function readPlan(args: readonly string[]): Plan {
  const { values } = parseArgs({
    args: [...args],
    options: {
      nodes: { type: 'string' },
      size: { type: 'string' },
      rate: { type: 'string' },
      racks: { type: 'string', default: '1' },
      oversubscription: { type: 'string', default: '2' },
      block: { type: 'string', default: '16384' },
      runs: { type: 'string' },
      seed: { type: 'string', default: '1' },
      quick: { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
    },
  })
  const { quick, json } = values
  return {
    nodes: whole('--nodes', values.nodes ?? (quick ? '4' : '8'), 2, 32),
    sizeBytes: quantity('--size', parseSize(values.size ?? (quick ? '16MB' : '40MB')), 1e6, 1e9),
    blockBytes: whole('--block', values.block, 4096, 1024 * 1024),
    linkBytes: quantity('--rate', parseRate(values.rate ?? '24Mbit'), 125_000, 125_000_000),
    racks: whole('--racks', values.racks, 1, 2),
    oversubscription: whole('--oversubscription', values.oversubscription, 1, 64),
    runs: whole('--runs', values.runs ?? (quick ? '1' : '3'), 1, 20),
    seed: whole('--seed', values.seed, 0, 0xffffffff),
    json,
  }
}

/** The rack of host number `host`; 0 is the builder. */
export function rackOf({ racks }: Plan, host: number): number {
  return host === 0 ? 0 : (host - 1) % racks
}

/** Rate of a rack's uplink, each way, headers included: bytes a second. */
export function uplinkBytes({ nodes, racks, linkBytes, oversubscription }: Plan): number {
  return (Math.ceil(nodes / racks) * linkBytes) / oversubscription
}

function whole(name: string, text: string, least: number, most: number): number {
  return quantity(name, /^\d{1,12}$/.test(text) ? Number(text) : undefined, least, most)
}

function quantity(name: string, value: number | undefined, least: number, most: number): number {
  if (value !== undefined && value >= least && value <= most) return value
  throw new Error(`${name} is a number from ${least} to ${most}`)
}
