/** How figures look in a report. Units of bytes are decimal, as those of links are. */

/** Between a number and its unit: they stay on one line. */
const NB = '\u00a0'
const BYTE_UNITS = ['B', 'kB', 'MB', 'GB', 'TB', 'PB'] as const

/** '8.42 s', '94.1 s', '12 min 5 s', '3 h 20 min' */
export function duration(seconds: number): string {
  if (!Number.isFinite(seconds)) return '–'
  if (seconds < 0.0995) return `${Math.round(1000 * seconds)}${NB}ms`
  if (seconds < 120) return `${significant(seconds)}${NB}s`
  if (seconds < 7200) return withRest(Math.round(seconds), 60, 'min', 's')
  if (seconds < 172_800) return withRest(Math.round(seconds / 60), 60, 'h', 'min')
  return withRest(Math.round(seconds / 3600), 24, 'd', 'h')
}

/** For an axis: '30 s', '1.5 min', '2 h' */
export function durationTick(seconds: number): string {
  if (seconds === 0) return '0'
  if (seconds < 60) return `${plain(seconds)}${NB}s`
  if (seconds < 3600) return `${plain(seconds / 60)}${NB}min`
  if (seconds < 86_400) return `${plain(seconds / 3600)}${NB}h`
  return `${plain(seconds / 86_400)}${NB}d`
}

/** '4.6 GB' */
export function bytes(count: number): string {
  if (!Number.isFinite(count)) return '–'
  let unit = 0
  let value = count
  while (Math.abs(value) >= 999.5 && unit < BYTE_UNITS.length - 1) {
    value /= 1000
    unit++
  }
  return `${significant(value)}${NB}${BYTE_UNITS[unit]}`
}

/** '1 Gbit/s' of a rate in bytes a second: how links are sold. */
export function linkRate(bytesPerSecond: number): string {
  const bits = 8 * bytesPerSecond
  if (!Number.isFinite(bits)) return 'no limit'
  if (bits >= 1e12) return `${significant(bits / 1e12)}${NB}Tbit/s`
  if (bits >= 1e9) return `${significant(bits / 1e9)}${NB}Gbit/s`
  return `${significant(bits / 1e6)}${NB}Mbit/s`
}

/** '54 %', '0.3 %' of a fraction. */
export function percent(fraction: number): string {
  if (!Number.isFinite(fraction)) return '–'
  const value = 100 * fraction
  if (value > 0 && value < 0.05) return `<${NB}0.1${NB}%`
  if (value > 99.95 && value < 100) return `>${NB}99.9${NB}%`
  return `${Number(value.toFixed(value < 9.95 || value > 99 ? 1 : 0))}${NB}%`
}

/** '12,345' */
export function count(value: number): string {
  return Math.round(value)
    .toString()
    .replaceAll(/\B(?=(\d{3})+$)/g, ',')
}

/** '1 node', '2,600 nodes' */
export function plural(value: number, one: string, many = `${one}s`): string {
  return `${count(value)} ${value === 1 ? one : many}`
}

/** '1.08', '23', '1,204': how many times as much. */
export function times(ratio: number): string {
  if (!Number.isFinite(ratio)) return '–'
  if (ratio < 9.995) return ratio.toFixed(2)
  return ratio < 99.5 ? significant(ratio) : count(ratio)
}

/** Three digits that count, and no zeros after them. */
function significant(value: number): string {
  const rounded = Number(value.toPrecision(3))
  return rounded >= 1000 ? count(rounded) : String(rounded)
}

function plain(value: number): string {
  return String(Number(value.toPrecision(6)))
}

function withRest(value: number, size: number, unit: string, restUnit: string): string {
  const rest = value % size
  return `${Math.floor(value / size)}${NB}${unit}${rest === 0 ? '' : `${NB}${rest}${NB}${restUnit}`}`
}
