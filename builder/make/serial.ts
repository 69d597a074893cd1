/** Lets calls with the same name run one after the other; others at the same time. */
export function serialByName(): <T>(name: string, call: () => Promise<T>) => Promise<T> {
  const last = new Map<string, Promise<unknown>>()
  return async (name, call) => {
    const before = last.get(name)
    const mine = (async () => {
      await before?.catch(() => {})
      return call()
    })()
    last.set(name, mine)
    try {
      return await mine
    } finally {
      if (last.get(name) === mine) last.delete(name)
    }
  }
}
