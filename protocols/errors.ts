/**
 * Every failure that hotblock reports, in one place.
 *
 * A failure has a stable code (scripts and tests compare it), an exit status for the command line, an HTTP status for
 * the control API, one line that says what happened and one that says what the user can do. The README's table of
 * codes is checked against this catalogue by a test.
 */

/** What is fixed about one kind of failure. */
export interface Failure {
  /** Exit status of the command line; failures that call for the same reaction share one. */
  readonly exit: number
  /** Status of the control API's answer. */
  readonly http: number
  /** What the user can do. One sentence. */
  readonly hint: string
}

export const FAILURES = {
  INTERNAL: { exit: 1, http: 500, hint: 'This is a defect of hotblock; please report it with the log.' },
  USAGE: { exit: 2, http: 400, hint: 'See hotblock --help, or the help of the command.' },
  BAD_NAME: {
    exit: 2,
    http: 400,
    hint: 'A name has 1 to 128 letters, digits, dots, dashes, underscores or plus signs, and begins with a letter or digit.',
  },
  BAD_CONFIG: { exit: 2, http: 400, hint: 'Correct the setting that is named.' },
  BAD_SCENARIO: {
    exit: 2,
    http: 400,
    hint: 'Correct the field that is named; scenario.schema.json says what a scenario may have.',
  },
  BAD_REQUEST: { exit: 2, http: 400, hint: 'Correct the fields of the request that are named.' },
  NO_DAEMON: { exit: 3, http: 503, hint: 'Start it with: hotblock daemon --home DIR' },
  DAEMON_RUNNING: { exit: 3, http: 409, hint: 'One home serves one daemon; stop it, or give another --home.' },
  NOT_FOUND: { exit: 4, http: 404, hint: 'hotblock images --mesh lists what trusted builders have published.' },
  NO_BUILD: { exit: 4, http: 404, hint: 'hotblock farm list names the images and the builds of the farm.' },
  NO_SUCH_FILE: { exit: 4, http: 404, hint: 'Check the path.' },
  BAD_FILE: { exit: 5, http: 400, hint: 'Give a readable, regular, non-empty file.' },
  EXISTS: { exit: 5, http: 409, hint: 'Choose another path, or remove the file first.' },
  IN_USE: { exit: 5, http: 409, hint: 'A machine that hotblock launch has started uses it; wait until it has ended.' },
  BUILD_OVER: { exit: 5, http: 409, hint: 'The build has ended, or is being published; look at its state.' },
  NO_SPACE: { exit: 6, http: 507, hint: 'Free space with hotblock gc or rm, raise --quota, or unpin images.' },
  QUEUE_FULL: { exit: 6, http: 503, hint: 'Wait until builds have ended, or cancel some with: hotblock farm cancel' },
  BUSY: { exit: 6, http: 503, hint: 'Too many ask at the same time; try again in a few seconds.' },
  NO_PEERS: { exit: 7, http: 504, hint: 'Check --bootstrap, and with hotblock peers that the node has connections.' },
  STALLED: { exit: 7, http: 504, hint: 'No peer delivered the rest in time; fetch again, it goes on from there.' },
  TIMEOUT: { exit: 7, http: 504, hint: 'It goes on in the daemon; ask again, or allow more time.' },
  BAD_RECORD: {
    exit: 8,
    http: 422,
    hint: 'The record was not signed by the builder that it names; nothing was stored.',
  },
  UNTRUSTED: { exit: 8, http: 403, hint: 'Trust the builder with --trust PEER if it is yours.' },
  UNAUTHORIZED: { exit: 8, http: 401, hint: "Give the farm's token: log in, or send Authorization: Bearer TOKEN." },
  FORBIDDEN: {
    exit: 8,
    http: 403,
    hint: "Use the farm's own pages at its own address; load the page anew and try again.",
  },
  TOO_MANY: { exit: 8, http: 429, hint: 'Too many wrong tokens came from your address; wait a minute.' },
  STALE_RECORD: { exit: 8, http: 409, hint: 'A newer record of that name is known and stays in force.' },
  BAD_TABLE: { exit: 8, http: 422, hint: 'The table is not what its root says; the peer that sent it was dropped.' },
  BAD_BLOCK: { exit: 8, http: 422, hint: 'The block is not what its hash says; the peer that sent it was dropped.' },
  BAD_MESSAGE: { exit: 8, http: 422, hint: 'A peer broke the protocol; it was dropped.' },
  LISTEN: { exit: 9, http: 500, hint: 'Choose another address with --listen, or stop what holds the port.' },
  HOME_TOO_NEW: { exit: 10, http: 500, hint: 'Use the hotblock version that wrote the home, or another --home.' },
  BAD_HOME: {
    exit: 10,
    http: 500,
    hint: 'Give a directory that this user can write, with the files that hotblock made.',
  },
  DAMAGED: { exit: 11, http: 500, hint: 'Fetch the broken blocks from the mesh with: hotblock repair' },
  INTERRUPTED: {
    exit: 12,
    http: 500,
    hint: 'The farm ended during the build, more than once; see its log and ask again.',
  },
  CANCELLED: { exit: 12, http: 409, hint: 'It was stopped on request; a later fetch goes on from there.' },
  NO_SUCH_PACKAGE: {
    exit: 13,
    http: 422,
    hint: 'Check the spelling, the class and the repositories: no repository of the request has it.',
  },
  MIRROR_FAILED: {
    exit: 14,
    http: 502,
    hint: 'The build log has what the package manager said; try again, or set another mirror.',
  },
  SCRIPT_FAILED: {
    exit: 15,
    http: 422,
    hint: 'Correct the customisation script; the build log has all that it printed.',
  },
  NO_BOOT: {
    exit: 16,
    http: 422,
    hint: 'The build log ends with what the image wrote to its console; look there for what stopped it.',
  },
  TOOL_MISSING: { exit: 17, http: 500, hint: 'Install the Debian package that is named.' },
  TOOL_FAILED: { exit: 18, http: 500, hint: 'The message, or the build log, has what the tool said.' },
  BROKEN_RULES: {
    exit: 19,
    http: 500,
    hint: 'The same scenario and --seed play it again; please report it.',
  },
  NOT_ROOT: { exit: 17, http: 500, hint: 'Run hotblock farm as root: making images mounts file systems.' },
} as const satisfies Record<string, Failure>

export type FailureCode = keyof typeof FAILURES

/** What is wrong with one field of a request. */
export interface FieldProblem {
  /** fileType, files[0].path; empty: the request as a whole. */
  readonly field: string
  readonly message: string
}

/** Plain values that go with a failure: the path, the peer, the field; of a BAD_REQUEST the problems, one or more. */
export type FailureData = Record<string, string | number | boolean | null | undefined | readonly FieldProblem[]>

/** A failure that a user or a peer caused or can mend; anything else that is thrown is INTERNAL. */
export class HotblockError extends Error {
  readonly code: FailureCode
  readonly data: FailureData

  /**
   * @param code one of FAILURES
   * @param message one line that says what happened, naming the thing that it happened to
   * @param data plain values for machines
   * @param cause what was caught, if anything
   */
  constructor(code: FailureCode, message: string, data: FailureData = {}, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause })
    this.name = 'HotblockError'
    this.code = code
    this.data = data
  }

  get hint(): string {
    return FAILURES[this.code].hint
  }

  get exit(): number {
    return FAILURES[this.code].exit
  }

  get http(): number {
    return FAILURES[this.code].http
  }

  toJSON(): { code: FailureCode; message: string; hint: string; data: FailureData } {
    return { code: this.code, message: this.message, hint: this.hint, data: this.data }
  }
}

/** Anything thrown, as a HotblockError: full disks and missing files keep their meaning, the rest is INTERNAL. */
export function asHotblockError(thrown: unknown): HotblockError {
  if (thrown instanceof HotblockError) return thrown
  const error = thrown instanceof Error ? thrown : new Error(String(thrown))
  const { code, path } = error as NodeJS.ErrnoException
  const data = path === undefined ? {} : { path }
  const of = path === undefined ? '' : `: ${path}`
  switch (code) {
    case 'ENOSPC':
    case 'EDQUOT':
      return new HotblockError('NO_SPACE', `the disk is full${of}`, data, error)
    case 'ENOENT':
      return new HotblockError('NO_SUCH_FILE', `no such file${of}`, data, error)
    case 'ENOTDIR':
      return new HotblockError('NO_SUCH_FILE', `a part of the path is no directory${of}`, data, error)
    case 'ENAMETOOLONG':
      return new HotblockError('BAD_FILE', `the path is too long${of}`, data, error)
    case 'ELOOP':
      return new HotblockError('BAD_FILE', `a symbolic link leads to itself${of}`, data, error)
    case 'EIO':
      return new HotblockError('BAD_FILE', `the disk could not read or write${of}`, data, error)
    case 'EISDIR':
      return new HotblockError('BAD_FILE', `is a directory${of}`, data, error)
    case 'EACCES':
    case 'EPERM':
      return new HotblockError('BAD_FILE', `permission denied${of}`, data, error)
    case 'EROFS':
      return new HotblockError('BAD_FILE', `the file system is read-only${of}`, data, error)
    default:
      return new HotblockError('INTERNAL', error.message.split('\n')[0] || 'unknown failure', data, error)
  }
}
