/** How processes are started: a daemon so that it takes little memory, a simulation so that it is fast. */

/** Set in the environment of a process that was started so already. */
const DONE = 'HOTBLOCK_STARTED'
/**
 * V8 lets its young generation grow to 48 MiB and never gives it back, and its old one, in each thread, to several times of
 * what is in use. What a daemon makes most of, buffers, lies outside of these heaps, but stays as long as the small
 * objects that hold it: looking for them sooner takes 80 MiB less while an image is fetched. 2 MiB for what is young: with
 * 1 MiB (what --optimize-for-size makes of any other size) it is looked through three times as often, and what is found in
 * use twice is kept until all is collected; with 4 MiB a daemon has 15 MB more. Threads that help to collect such small heaps
 * take more of the processor than they save. And while V8 marks by and by, each small collection that is asked for (see
 * garbage.ts) becomes a large one: a third of what a receiving daemon did.
 */
const DAEMON_FLAGS = [
  '--max-semi-space-size=2',
  '--heap-growing-percent=50',
  '--single-threaded-gc',
  '--no-incremental-marking',
]
/**
 * glibc keeps freed memory in an arena for each of two dozen threads. Few arenas, and buffers of frames given back to the
 * system at once, take 100 MiB less while an image is fetched.
 */
const DAEMON_MALLOC = { MALLOC_ARENA_MAX: '2', MALLOC_MMAP_THRESHOLD_: '131072' }

/**
 * A simulation makes hundreds of megabytes of small objects a second, most of which are of use for the third of a virtual
 * second that a request takes: a young generation of this size sees them die. Without its threads a collection takes less
 * of the processor, and a run takes the one that it has.
 */
const SIMULATION_FLAGS = [
  '--min-semi-space-size=64',
  '--max-semi-space-size=64',
  '--heap-growing-percent=60',
  '--single-threaded-gc',
  '--no-incremental-marking',
]

/** Starts the program anew for a daemon. Returns where that is not possible: everything works without, with more memory. */
export function startLean(): void {
  startAnew(DAEMON_FLAGS, DAEMON_MALLOC)
}

/** Starts the program anew for a simulation. Returns where that is not possible: it works without, in more time. */
export function startRoomy(): void {
  startAnew(SIMULATION_FLAGS, {})
}

/** In the same process (same process id, same files open), with settings that can only be given at the start. */
function startAnew(flags: readonly string[], settings: NodeJS.ProcessEnv): void {
  const { env, execArgv, argv, execPath, execve } = process
  if (env[DONE] !== undefined || execve === undefined || process.platform !== 'linux') return
  execve(execPath, [execPath, ...flags, ...execArgv, ...argv.slice(1)], {
    ...settings,
    ...env,
    [DONE]: '1',
  } as NodeJS.ProcessEnv)
}
