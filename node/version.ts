import { existsSync, readFileSync } from 'node:fs'

// From the checkout this file is node/version.ts, from the package dist/node/version.js: package.json is one or two up.
const PLACES = ['../package.json', '../../package.json']

/** The version of hotblock that runs, as in package.json. */
export const VERSION: string = readVersion()

function readVersion(): string {
  for (const place of PLACES) {
    const url = new URL(place, import.meta.url)
    if (!existsSync(url)) continue
    const { name, version } = JSON.parse(readFileSync(url, 'utf8')) as { name?: unknown; version?: unknown }
    if (name === 'hotblock' && typeof version === 'string') return version
  }
  return 'unknown'
}
