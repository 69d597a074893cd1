/** What a scenario file may say. The published schema is made of this: scenarios/scenario.schema.json. */
import { z } from 'zod'
import { STRATEGY_NAMES } from '../strategies/names.ts'
import { arrival, fault, load } from './events.ts'
import { count, file, label, part, RACKS_MAX, rackNumber, rate, seconds, size, text } from './fields.ts'

const GROUPS_MAX = 1_000
const FAULTS_MAX = 1_000
const IMAGE_BYTES_MAX = 1024 ** 4
const TABLES_MAX = 16
const BLOCK_BYTES_MAX = 1024 * 1024
const LATENCY_MS_MAX = 10_000
const OVERSUBSCRIPTION_MAX = 1_000
export const GRAIN_MAX = 100_000
const CACHES_MAX = 1_000

const oversubscription = z
  .number()
  .min(0.1)
  .max(OVERSUBSCRIPTION_MAX)
  .describe("rates of a rack's nodes together, over its uplink")
const uplink = rate.describe("a rack's connection to the rest, either way")

const image = z
  .strictObject({
    size: size(1024, IMAGE_BYTES_MAX).optional(),
    zero: part.optional().describe('part of the image that is zeros; default 0'),
    table: file
      .optional()
      .describe("in place of size and zero: a real image's table, as hotblock hash --save writes it"),
    block: size(512, BLOCK_BYTES_MAX)
      .default(512 * 1024)
      .describe('blocks that the image is played with; of a real table, neighbours are joined up to this'),
    segment: size(4096, 1024 ** 3)
      .optional()
      .describe('default 4 MiB; not with a table'),
    ratio: z.number().min(0.01).max(2).default(1).describe('bytes on the wire for a byte of blocks'),
  })
  .superRefine(({ size, zero, table, segment }, context) => {
    const wrong = (path: string, message: string) => context.addIssue({ code: 'custom', path: [path], message })
    if (size === undefined && table === undefined) wrong('size', 'is missing; give it, or a table')
    if (table === undefined) return
    if (size !== undefined) wrong('size', 'the table says what the size is; leave one of them out')
    if (zero !== undefined) wrong('zero', 'the table says which blocks are zeros; leave one of them out')
    if (segment !== undefined) wrong('segment', 'the table has its own segments; leave one of them out')
  })

const network = z
  .strictObject({
    up: rate.default(125_000_000).describe("nodes' rate up; default 1 Gbit/s"),
    down: rate.default(125_000_000).describe("nodes' rate down; default 1 Gbit/s"),
    latencyMs: z.number().min(0).max(LATENCY_MS_MAX).default(0.3).describe('one way, between racks'),
    rackLatencyMs: z.number().min(0).max(LATENCY_MS_MAX).default(0.1).describe('one way, within a rack'),
    racks: z.int().min(1).max(RACKS_MAX).default(1).describe('racks over which groups without own ones are spread'),
    oversubscription: oversubscription.optional(),
    uplink: uplink.optional(),
    racksKnown: z.boolean().default(true).describe('nodes know their rack and say it: hotblock daemon --rack'),
  })
  .superRefine(oneUplink)

const builder = z.strictObject({
  up: rate.optional().describe("default: the nodes'"),
  down: rate.optional(),
  rack: rackNumber.optional().describe('default: a place of its own with an uplink that is no bottleneck'),
  diesAfterCopies: z.number().positive().max(1_000_000).optional().describe('it ends when it has sent so many images'),
  crashesAtSeconds: seconds.optional(),
})

const group = z
  .strictObject({
    name: label,
    nodes: count,
    racks: z.int().min(1).max(RACKS_MAX).optional().describe('racks of its own; default: spread over those of network'),
    oversubscription: oversubscription.optional().describe('of its own racks'),
    uplink: uplink.optional().describe('of each of its own racks'),
    up: rate.optional().describe('default: that of network'),
    down: rate.optional(),
    rateUp: rate.optional().describe("the daemon's own limit: --rate-up"),
    rateDown: rate.optional(),
    hot: part.optional().describe('part of the blocks that each node has in another image, the same for all of them'),
    has: z.array(file).max(TABLES_MAX).optional().describe('in place of hot: tables of the images that each node has'),
    complete: z.boolean().default(false).describe('has the whole image from the start'),
    wants: z.boolean().default(true),
    joinsAtSeconds: seconds.optional().describe('in place of arrival: all of the group come then'),
  })
  .superRefine(({ hot, has, racks, oversubscription, uplink }, context) => {
    const wrong = (path: string, message: string) => context.addIssue({ code: 'custom', path: [path], message })
    if (hot !== undefined && has !== undefined) wrong('hot', 'the tables say what is hot; leave one of them out')
    oneUplink({ oversubscription, uplink }, context)
    if (racks !== undefined) return
    if (oversubscription !== undefined) wrong('oversubscription', 'is that of own racks; give racks too')
    if (uplink !== undefined) wrong('uplink', 'is that of own racks; give racks too')
  })

const published = z.strictObject({
  source: text,
  makespanSeconds: seconds.optional(),
  p50Seconds: seconds.optional(),
  p99Seconds: seconds.optional(),
  p999Seconds: seconds.optional(),
})

const limit = z.number().positive().max(1_000_000).optional()
const target = z.strictObject({
  strategy: z.enum(STRATEGY_NAMES),
  makespanPerBound: limit,
  builderCopies: limit,
  p99PerP50: limit,
  rackP50Spread: limit,
})

export const scenarioSchema = z
  .strictObject({
    $schema: text.optional(),
    name: label,
    title: text.default(''),
    description: text.default(''),
    seed: z
      .int()
      .min(0)
      .max(2 ** 32 - 1)
      .default(1),
    untilSeconds: seconds.min(0.001).default(3600).describe('the run ends then, whoever has not got the image'),
    grain: z
      .union([z.literal('auto'), z.number().min(1).max(GRAIN_MAX)])
      .default('auto')
      .describe('bytes and rates are divided by this: fewer, larger pieces'),
    image,
    network: network.prefault({}),
    builder: builder.prefault({}),
    groups: z.array(group).min(1).max(GROUPS_MAX),
    arrival: arrival.prefault({ kind: 'together' }),
    faults: z.array(fault).max(FAULTS_MAX).default([]),
    load: z.array(load).max(FAULTS_MAX).default([]),
    caches: z.int().min(1).max(CACHES_MAX).optional().describe('of the strategy caches; default: one a rack, else 8'),
    strategies: z
      .array(z.enum(STRATEGY_NAMES))
      .min(1)
      .max(STRATEGY_NAMES.length)
      .default([...STRATEGY_NAMES]),
    published: z.array(published).max(16).default([]),
    targets: z.array(target).max(16).default([]),
  })
  .superRefine(({ groups, faults, strategies }, context) => {
    const wrong = (path: (string | number)[], message: string) => context.addIssue({ code: 'custom', path, message })
    groups.forEach(({ name }, i) => {
      if (groups.findIndex((other) => other.name === name) < i) wrong(['groups', i, 'name'], `${name} is there twice`)
      if (name === 'builder') wrong(['groups', i, 'name'], 'builder is the builder')
    })
    faults.forEach((given, i) => {
      const { group } = given
      if (group !== undefined && !groups.some(({ name }) => name === group)) {
        wrong(['faults', i, 'group'], `there is no group ${group}`)
      }
    })
    strategies.forEach((name, i) => {
      if (strategies.indexOf(name) < i) wrong(['strategies', i], `${name} is there twice`)
    })
    if (!groups.some(({ wants, complete }) => wants && !complete)) wrong(['groups'], 'nobody is to get the image')
  })
  .meta({ title: 'A scenario of hotblock simulate' })

export type Scenario = z.output<typeof scenarioSchema>
export type Group = Scenario['groups'][number]

function oneUplink(
  { oversubscription, uplink }: { oversubscription?: number | undefined; uplink?: number | undefined },
  context: { addIssue(issue: { code: 'custom'; path: string[]; message: string }): void },
): void {
  if (oversubscription === undefined || uplink === undefined) return
  context.addIssue({
    code: 'custom',
    path: ['uplink'],
    message: 'follows from oversubscription; leave one of them out',
  })
}
