import type { RememberedPeers } from './net/bootstrap.ts'
import type { Store } from './store/store.ts'

const ROW = 'peer/remembered'

/** Addresses of good peers, kept in the store, so that a restart works when the bootstrap peers are gone. */
export function rememberedPeers(store: Pick<Store, 'get' | 'put'>): RememberedPeers {
  return {
    load: () => {
      const row = store.get(ROW)
      return row === undefined ? [] : Buffer.from(row).toString('utf8').split('\n').filter(Boolean)
    },
    save: (addresses) => store.put(ROW, Buffer.from(addresses.join('\n'))),
  }
}
