/**
 * Job traces in the Standard Workload Format, version 2.2 (Chapin et al. 1999; Parallel Workloads Archive, Feitelson): a
 * job a line, 18 numbers with spaces between, -1 where a value is not known; comments and headers begin with ';'. Fields
 * are told by their place. What a site's own log lacks at the end of a line counts as not known. Pure.
 */

export const TRACE_BYTES_MAX = 64 * 1024 * 1024
export const TRACE_JOBS_MAX = 2_000_000
const FIELDS = 18
const FIELDS_MIN = 5

export interface TraceJob {
  readonly number: number
  /** When it began: submitted and waited. Seconds of the trace. */
  readonly startsAtSeconds: number
  readonly runSeconds: number
  readonly processors: number
  /** -1: not known. */
  readonly executable: number
  readonly queue: number
}

export interface Trace {
  /** In the order of their beginning; jobs that begin together, in the order of the file. */
  readonly jobs: readonly TraceJob[]
  /** Jobs of the file that never ran, or of which that is not known: without processors, or without a time. */
  readonly leftOut: number
  /** Header fields: "MaxNodes" is "128". */
  readonly headers: ReadonlyMap<string, string>
}

/** A line that cannot be read. */
export class TraceProblem extends Error {
  readonly line: number

  constructor(line: number, message: string) {
    super(`line ${line}: ${message}`)
    this.line = line
  }
}

/** @throws TraceProblem */
export function readTrace(text: string): Trace {
  const jobs: TraceJob[] = []
  const headers = new Map<string, string>()
  let leftOut = 0
  let line = 0
  for (const raw of text.split(/\r\n|\n|\r/)) {
    line++
    // Some tools begin a file with a byte order mark.
    const content = raw.replace(/^\ufeff/, '').trim()
    if (content === '') continue
    if (content.startsWith(';')) {
      const [, name, value] = /^;\s*([A-Za-z]\w*)\s*:\s*(.*)$/.exec(content) ?? []
      if (name !== undefined) headers.set(name, value!.trim())
      continue
    }
    const job = readJob(content, line)
    if (job === undefined) leftOut++
    else jobs.push(job)
    if (jobs.length > TRACE_JOBS_MAX) throw new TraceProblem(line, `more than ${TRACE_JOBS_MAX} jobs`)
  }
  jobs.sort((a, b) => a.startsAtSeconds - b.startsAtSeconds)
  return { jobs, leftOut, headers }
}

function readJob(content: string, line: number): TraceJob | undefined {
  const fields = content.split(/\s+/)
  if (fields.length < FIELDS_MIN || fields.length > FIELDS) {
    throw new TraceProblem(line, `${fields.length} fields, where a job has ${FIELDS}`)
  }
  const values = fields.map((text) => {
    if (!/^[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?$/i.test(text)) {
      throw new TraceProblem(line, `${JSON.stringify(text.slice(0, 40))} is no number`)
    }
    return Number(text)
  })
  const at = (field: number): number => values[field - 1] ?? -1
  const submitted = at(2)
  const waited = Math.max(0, at(3))
  const runSeconds = at(4)
  // Some sites log only what was asked for.
  const processors = at(5) > 0 ? at(5) : at(8)
  if (submitted < 0 || runSeconds < 0 || processors <= 0 || !Number.isFinite(submitted + waited + runSeconds)) return
  return {
    number: at(1),
    startsAtSeconds: submitted + waited,
    runSeconds,
    processors: Math.ceil(processors),
    executable: at(14),
    queue: at(15),
  }
}
