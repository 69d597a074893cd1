/** Reading of options that more than one command has. Each throws USAGE naming the option. */
import { HotblockError } from '../../protocols/errors.ts'
import { parseSize } from '../../protocols/quantities.ts'
import { checkName, parseWantedName } from '../../protocols/records/name.ts'
import { BLOCK_BYTES_DEFAULT } from '../../protocols/table/constants.ts'

export const CUT_OPTION = [
  '--cut <HOW>',
  "where to cut: 'auto' (at files), or 'fixed:N' every N bytes",
  'auto',
] as const
export const BLOCK_OPTION = ['--block <BYTES>', 'longest block of file data (default: 64K)'] as const

export interface CutFlags {
  readonly cut: string
  readonly block?: string
}

/** 'fixed:64K' is written as bytes; whether the numbers make sense is the cutters' to say. */
export function readCut({ cut, block }: CutFlags): { cut: string; blockBytes: number } {
  return { cut: plainCut(cut), blockBytes: block === undefined ? BLOCK_BYTES_DEFAULT : readSize('--block', block) }
}

function plainCut(cut: string): string {
  if (cut === 'auto') return cut
  const [, size] = /^fixed:(.+)$/.exec(cut) ?? []
  if (size === undefined) throw new HotblockError('USAGE', `--cut: ${JSON.stringify(cut)} is neither auto nor fixed:N`)
  return `fixed:${readSize('--cut', size)}`
}

function readSize(option: string, text: string): number {
  const bytes = parseSize(text)
  if (bytes !== undefined && bytes > 0) return bytes
  throw new HotblockError('USAGE', `${option}: ${JSON.stringify(text)} is no size`, { option })
}

/** @returns seconds, or undefined where the option is not given */
export function readTimeout(text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  const seconds = /^\d+(\.\d+)?$/.test(text) ? Number(text) : Number.NaN
  if (seconds > 0 && seconds <= TIMEOUT_SECONDS_MAX) return seconds
  throw new HotblockError('USAGE', `--timeout: ${JSON.stringify(text)} is no number of seconds`, {
    option: '--timeout',
  })
}
/** A month: who waits longer waits for ever. */
const TIMEOUT_SECONDS_MAX = 30 * 24 * 3600

/** A name for something new. @throws BAD_NAME */
export function readName(text: string): string {
  return checkName(text)
}

/** NAME, or NAME@BUILDER where several builders use the name. @throws BAD_NAME */
export function readWantedName(text: string): string {
  parseWantedName(text)
  return text
}

/** Gathers an option that may be given several times. */
export function gather(value: string, before: string[] | undefined): string[] {
  return [...(before ?? []), value]
}
