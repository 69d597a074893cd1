/**
 * The control API over HTTP: which path serves which method of NodeApi, and what bodies it takes.
 *
 *     GET  /status /peers /metrics          POST /images {mesh}          POST /plan {name}
 *     POST /prefetch {names, priority?}     POST /pin {name, pinned}     POST /remove {name}
 *     POST /order {names, hosts, priority?} POST /gc                     POST /stop
 *     POST /hook {moment, scheduler, job, names, hosts, racks?}          POST /held
 *     POST /publish {file, name, cut, blockBytes?}     POST /fetch {name, output?, timeoutSeconds?}
 *     POST /verify {name?}                             POST /repair {name?}
 *     POST /wait {name, timeoutSeconds?}               POST /hold {name, timeoutSeconds?, root?}
 *
 * An answer is the JSON of the method's result; a failure is {error: {code, message, hint, data}} with the failure's
 * HTTP status. The last six are long: they answer with lines of JSON (application/x-ndjson), any number of
 * {progress}, then one {result} or {error}. Who closes the connection before that line cancels the call; that is how a
 * hold ends.
 */
import { isAbsolute } from 'node:path'
import { z } from 'zod'
import { ORDER_PRIORITIES } from '../../protocols/orders/messages.ts'
import { BLOCK_BYTES_MAX, GRID_BYTES } from '../../protocols/table/constants.ts'
import { HOSTLIST_CHARACTERS_MAX, REFERENCES_MAX, TOLD_MOMENTS } from '../hooks/core/limits.ts'

export const BODY_BYTES_MAX = 64 * 1024
/** Of calls that may carry a list of hosts. */
export const HOSTS_BODY_BYTES_MAX = 768 * 1024
/** One line of a stream, and one whole answer. The largest is the images of a mesh. */
export const ANSWER_BYTES_MAX = 64 * 1024 * 1024
export const NAMES_MAX = 256
export const TIMEOUT_SECONDS_MAX = 30 * 24 * 3600
export const NDJSON = 'application/x-ndjson'

const PATH_CHARACTERS_MAX = 4096
const NAME_CHARACTERS_MAX = 1024
const ROOT_CHARACTERS_MAX = 128

// The grammar of names is checked by checkName, whose failure says more than a schema's.
const name = z.string().max(NAME_CHARACTERS_MAX)
const path = z
  .string()
  .min(1)
  .max(PATH_CHARACTERS_MAX)
  .refine((text) => isAbsolute(text) && !text.includes('\0'), 'must be an absolute path')
const hosts = z.string().max(HOSTLIST_CHARACTERS_MAX)
const priority = z.enum(ORDER_PRIORITIES).optional()
const timeoutSeconds = z.number().positive().max(TIMEOUT_SECONDS_MAX).optional()
const cut = z.string().max(32)

export const bodies = {
  empty: z.strictObject({}),
  images: z.strictObject({ mesh: z.boolean().default(false) }),
  named: z.strictObject({ name }),
  maybeNamed: z.strictObject({ name: name.optional() }),
  pin: z.strictObject({ name, pinned: z.boolean() }),
  prefetch: z.strictObject({ names: z.array(name).min(1).max(NAMES_MAX), priority }),
  order: z.strictObject({ names: z.array(name).min(1).max(NAMES_MAX), hosts, priority }),
  hook: z.strictObject({
    moment: z.enum(TOLD_MOMENTS),
    scheduler: z.string().max(64),
    job: z.string().max(256),
    names: z.array(name).min(1).max(REFERENCES_MAX),
    hosts,
    racks: hosts.optional(),
  }),
  ownHook: z.strictObject({
    moment: z.literal('node'),
    scheduler: z.string().max(64),
    job: z.string().max(256),
    names: z.array(name).min(1).max(REFERENCES_MAX),
    hosts: z.literal(''),
  }),
  publish: z.strictObject({
    file: path,
    name,
    cut: cut.default('auto'),
    blockBytes: z.number().int().min(GRID_BYTES).max(BLOCK_BYTES_MAX).optional(),
  }),
  fetch: z.strictObject({
    name,
    output: path.optional(),
    timeoutSeconds,
  }),
  hold: z.strictObject({ name, timeoutSeconds, root: z.string().max(ROOT_CHARACTERS_MAX).optional() }),
  wait: z.strictObject({ name, timeoutSeconds }),
}
