/** Puts together what a farm is made of beside queue and pages: who reads requests, and who makes images. */
import type { Logger } from '../node/logging.ts'
import { HotblockError } from '../protocols/errors.ts'
import type { ImageMaker } from './make/maker.ts'
import type { Requests } from './requests.ts'
import type { FarmSettings } from './settings.ts'

export interface FarmParts {
  readonly requests: Requests
  readonly maker: ImageMaker
}

export type LoadParts = (settings: FarmSettings, log: Logger) => Promise<FarmParts>

/** @throws BAD_CONFIG for a catalogue or a setting that is wrong */
export async function loadParts(_settings: FarmSettings, _log: Logger): Promise<FarmParts> {
  throw new HotblockError('INTERNAL', 'this version has no maker of images')
}
