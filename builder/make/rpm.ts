import { HotblockError } from '../../protocols/errors.ts'
import type { AptLimits } from './apt-root.ts'
import type { Family } from './family.ts'

export function rpmFamily(_directory: string, _limits: AptLimits): Family {
  const no = () => Promise.reject(new HotblockError('INTERNAL', 'rpm'))
  return { tools: no, settings: no, resolve: no, install: no }
}
