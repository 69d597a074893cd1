import { HotblockError } from '../../protocols/errors.ts'

/** What may stand in the arguments of a command, and its value: `''` is `{}`, `kernel` is `{kernel}`. */
export type Places = ReadonlyMap<string, string>

const PLACEHOLDER = /\{([a-z][a-z0-9_-]{0,31})?\}/g
/** Names that hotblock gives a meaning itself. */
export const OWN_PLACES = ['', 'overlay', 'format', 'image'] as const

/**
 * Puts values in place of placeholders, wherever they stand in an argument. Braces around anything else stay as they are
 * (a shell's `${X}`), and so does a placeholder that has no value.
 */
export function fillPlaces(args: readonly string[], places: Places): string[] {
  return args.map((arg) =>
    arg.replaceAll(PLACEHOLDER, (whole, name: string | undefined) => places.get(name ?? '') ?? whole),
  )
}

/** `kernel=web.kernel`: the image web.kernel takes the place of `{kernel}`. @throws USAGE */
export function readWith(text: string): { place: string; name: string } {
  const [, place, name] = /^([a-z][a-z0-9_-]{0,31})=(.+)$/.exec(text) ?? []
  if (place === undefined || name === undefined) {
    throw new HotblockError('USAGE', `--with: ${JSON.stringify(text.slice(0, 200))} is not PLACE=NAME`, {
      option: '--with',
    })
  }
  if ((OWN_PLACES as readonly string[]).includes(place)) {
    throw new HotblockError('USAGE', `--with: {${place}} has a meaning of its own`, { option: '--with' })
  }
  return { place, name }
}
