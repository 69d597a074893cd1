import { HotblockError } from '../errors.ts'
import { NAME_LENGTH_MAX } from './constants.ts'

const NAME = /^[A-Za-z0-9][A-Za-z0-9._+-]*$/
/** Base58btc text of a peer id; whether it is one is checked where it is used. */
const BUILDER = /^[1-9A-HJ-NP-Za-km-z]{1,128}$/

export function isName(name: unknown): name is string {
  return typeof name === 'string' && name.length >= 1 && name.length <= NAME_LENGTH_MAX && NAME.test(name)
}

/**
 * An image's name: 1 to 128 letters, digits, dots, dashes, underscores or plus signs, beginning with a letter or digit.
 * @returns the name
 * @throws BAD_NAME
 */
export function checkName(name: string): string {
  if (!isName(name)) {
    throw new HotblockError('BAD_NAME', `${JSON.stringify(String(name).slice(0, 200))} is not a name of an image`)
  }
  return name
}

/** A name as a user gives it: NAME, or NAME@BUILDER where one builder's is meant. */
export interface WantedName {
  readonly name: string
  readonly builder: string | undefined
}

/** @throws BAD_NAME */
export function parseWantedName(text: string): WantedName {
  const at = text.indexOf('@')
  if (at === -1) return { name: checkName(text), builder: undefined }
  const builder = text.slice(at + 1)
  if (!BUILDER.test(builder)) {
    throw new HotblockError('BAD_NAME', `${JSON.stringify(text.slice(0, 300))} names no builder's peer id after the @`)
  }
  return { name: checkName(text.slice(0, at)), builder }
}
