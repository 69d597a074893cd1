/**
 * Runs work that is made one piece at a time, several pieces at once, and takes the results in the order in which the
 * pieces were made. At most `inFlightMax` pieces exist at any moment.
 *
 * The first failure is thrown after all that had begun has ended, so that nothing goes on behind the caller's back.
 */
export async function inOrder<P, R>(
  pieces: Iterable<P>,
  inFlightMax: number,
  run: (piece: P) => Promise<R>,
  take: (result: R, piece: P) => void,
): Promise<void> {
  const inFlight: { piece: P; result: Promise<R> }[] = []
  const takeFirst = async (): Promise<void> => {
    const { piece, result } = inFlight.shift()!
    take(await result, piece)
  }
  try {
    for (const piece of pieces) {
      if (inFlight.length >= inFlightMax) await takeFirst()
      const result = run(piece)
      // Its failure is seen when its turn comes; until then it must not count as unhandled.
      result.catch(() => {})
      inFlight.push({ piece, result })
    }
    while (inFlight.length > 0) await takeFirst()
  } finally {
    await Promise.allSettled(inFlight.map(({ result }) => result))
  }
}
