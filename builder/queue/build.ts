/** A build: one request for an image on its way, as it is kept on disk and told to people. */
import { z } from 'zod'
import type { ImageConfig } from '../config/image-config.ts'
import type { BuildProgress } from '../make/maker.ts'

/**
 *     queued ──► building ──► publishing ──► ready
 *       ▲           │             │
 *       │           └─ failed, cancelled, interrupted (the farm ended: it is built again)
 */
export const BUILD_STATES = ['queued', 'building', 'publishing', 'ready', 'failed', 'cancelled', 'interrupted'] as const
export type BuildState = (typeof BUILD_STATES)[number]

/** What of a configuration the lists show. */
export const summarySchema = z.object({
  class: z.string(),
  arch: z.string(),
  fileType: z.string(),
  appliance: z.string(),
  groups: z.array(z.string()),
  packages: z.array(z.string()),
  boot: z.string(),
})
export type Summary = Readonly<z.infer<typeof summarySchema>>

export const stageSchema = z.object({
  stage: z.string().meta({ description: 'base, groups, packages, custom' }),
  key: z.string(),
  hit: z.boolean().meta({ description: 'whether the cache had it' }),
  reason: z.string(),
  seconds: z.number(),
})

/** Who asked, and by which way. */
export const requesterSchema = z.object({
  who: z.string().meta({ description: "the token's name; local: through the control socket" }),
  via: z.enum(['page', 'create', 'api', 'soap', 'command']),
})
export type Requester = Readonly<z.infer<typeof requesterSchema>>

/** How it is kept on disk. Times are milliseconds since the epoch. */
export const buildSchema = z.object({
  id: z.int().positive(),
  key: z.string().meta({ description: "SHA-256 of the configuration: the image's key" }),
  name: z.string().meta({ description: 'name in the mesh' }),
  state: z.enum(BUILD_STATES),
  cancelling: z.boolean().meta({ description: 'asked to stop, and not stopped yet' }),
  attempts: z.int().nonnegative(),
  requests: z.int().positive().meta({ description: 'requests that share the build' }),
  by: requesterSchema,
  config: summarySchema,
  queuedAt: z.number(),
  startedAt: z.number().optional(),
  endedAt: z.number().optional(),
  stages: z.array(stageSchema),
  error: z.object({ code: z.string(), message: z.string() }).optional(),
})
export type Build = Readonly<z.infer<typeof buildSchema>>

/** What is only known while the farm runs. */
export interface LiveBuild extends Build {
  readonly progress?: BuildProgress | undefined
  /** Why a build that could start does not. */
  readonly waitsFor?: 'turn' | 'disk' | undefined
}

export function hasEnded(build: Pick<Build, 'state'>): boolean {
  return build.state === 'ready' || build.state === 'failed' || build.state === 'cancelled'
}

/** Waits for its turn. */
export function isWaiting(build: Pick<Build, 'state'>): boolean {
  return build.state === 'queued' || build.state === 'interrupted'
}

export function isRunning(build: Pick<Build, 'state'>): boolean {
  return build.state === 'building' || build.state === 'publishing'
}

export function summaryOf(config: ImageConfig): Summary {
  const { class: imageClass, arch, fileType, appliance, groups, packages, boot } = config
  return { class: imageClass, arch, fileType, appliance, groups: [...groups], packages: [...packages], boot }
}
