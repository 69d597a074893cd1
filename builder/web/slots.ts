import { HotblockError } from '../../protocols/errors.ts'
import type { Slots } from './context.ts'

/** @param max places that there are */
export function createSlots(max: number): Slots {
  let taken = 0
  return {
    take() {
      if (taken >= max) throw new HotblockError('BUSY', `${max} requests are waiting for builds or following logs`)
      taken += 1
      let mine = true
      return () => {
        if (mine) taken -= 1
        mine = false
      }
    },
  }
}
