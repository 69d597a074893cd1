import { hotblock } from '../hotblock/hotblock.ts'
import type { Strategy } from '../run.ts'
import { bittorrent } from './bittorrent/bittorrent.ts'
import { caches } from './caches.ts'
import { chain } from './chain.ts'
import { http } from './http.ts'
import type { StrategyName } from './names.ts'
import { tree } from './tree.ts'

/** @param cacheCount for the strategy of caches; undefined: its default */
export function strategyOf(name: StrategyName, cacheCount: number | undefined): Strategy {
  switch (name) {
    case 'http':
      return http
    case 'caches':
      return caches(cacheCount)
    case 'tree':
      return tree
    case 'chain':
      return chain
    case 'bittorrent':
      return bittorrent
    case 'hotblock-whole':
      return hotblock({ name, whole: true })
    case 'hotblock':
      return hotblock({ name, whole: false })
  }
}
