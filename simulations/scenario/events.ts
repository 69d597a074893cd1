/** What may happen in a scenario: how nodes come, what breaks, what else is on the links. */
import { z } from 'zod'
import { count, file, label, part, RACKS_MAX, rackNumber, seconds } from './fields.ts'

const WAVES_MAX = 1_000

const wave = z.strictObject({ atSeconds: seconds, share: z.number().positive().max(1_000_000) })

/** A job trace in the Standard Workload Format: a node wants the image when its first job begins. */
const jobs = z.strictObject({
  kind: z.literal('jobs'),
  trace: file.describe('a file in the Standard Workload Format, version 2'),
  processorsPerNode: z.int().min(1).max(4096).default(1),
  executable: z.int().min(0).optional().describe('only jobs of this executable (application) number use the image'),
  queue: z.int().min(0).optional().describe('only jobs of this queue use the image'),
  fromSeconds: seconds.default(0).describe("the trace's time that is time 0 here"),
  speed: z.number().min(0.001).max(100_000).default(1).describe("the trace's time passes so many times faster"),
})

export const arrival = z
  .discriminatedUnion('kind', [
    z.strictObject({ kind: z.literal('together') }),
    z.strictObject({ kind: z.literal('spread'), overSeconds: seconds }),
    z.strictObject({ kind: z.literal('waves'), waves: z.array(wave).min(1).max(WAVES_MAX) }),
    jobs,
  ])
  .describe('how the nodes of all groups without joinsAtSeconds come')

/** Which nodes: of a group or of all, a part of them, so many, or those of some racks. */
const who = {
  group: label.optional(),
  part: part.optional(),
  nodes: count.optional(),
  racks: z.array(rackNumber).min(1).max(RACKS_MAX).optional(),
}

export const fault = z
  .discriminatedUnion('kind', [
    z.strictObject({
      kind: z.literal('loss'),
      ...who,
      how: z.enum(['crash', 'vanish']).default('crash').describe('crash: connections break; vanish: nobody is told'),
      atSeconds: seconds,
      overSeconds: seconds.default(0).describe('one after the other within so long'),
    }),
    z.strictObject({ kind: z.literal('slow'), ...who, factor: z.number().min(1).max(1_000_000) }),
    z.strictObject({ kind: z.literal('stall'), ...who, atSeconds: seconds }),
    z.strictObject({ kind: z.literal('wrong'), ...who }),
    z.strictObject({ kind: z.literal('partition'), ...who, fromSeconds: seconds, untilSeconds: seconds }),
  ])
  .superRefine((given, context) => {
    const { part, nodes, racks } = given
    if ([part, nodes, racks].filter((one) => one !== undefined).length !== 1) {
      context.addIssue({ code: 'custom', message: 'say which nodes by one of part, nodes and racks' })
    }
    if (given.kind === 'partition' && given.untilSeconds <= given.fromSeconds) {
      context.addIssue({ code: 'custom', path: ['untilSeconds'], message: 'has to be later than fromSeconds' })
    }
  })

/** What others take of racks' uplinks. */
export const load = z
  .strictObject({
    racks: z.array(rackNumber).min(1).max(RACKS_MAX).optional().describe('default: all'),
    part: z.number().min(0).max(0.99).describe('of the uplink, either way'),
    fromSeconds: seconds.default(0),
    untilSeconds: seconds.optional(),
  })
  .superRefine(({ fromSeconds, untilSeconds }, context) => {
    if (untilSeconds === undefined || untilSeconds > fromSeconds) return
    context.addIssue({ code: 'custom', path: ['untilSeconds'], message: 'has to be later than fromSeconds' })
  })

export type Arrival = z.output<typeof arrival>
export type JobsArrival = z.output<typeof jobs>
export type FaultGiven = z.output<typeof fault>
export type LoadGiven = z.output<typeof load>
