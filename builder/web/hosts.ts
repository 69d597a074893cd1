/**
 * Under which names the farm may be asked. A page of a stranger's can make its own name lead to this machine (DNS
 * rebinding), and would then read what the farm answers: so only names that are the farm's are answered. An address of
 * numbers cannot be rebound.
 */
import { isIP } from 'node:net'

/** @param host a Host header */
export function isOwnHost(host: string | undefined, publicUrl: URL | undefined): boolean {
  if (host === undefined || host.length > 300) return false
  const match = /^(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._-]+)(?::\d{1,5})?$/.exec(host)
  if (match === null) return false
  const name = (match[1] ?? '').toLowerCase()
  if (publicUrl !== undefined && host.toLowerCase() === publicUrl.host.toLowerCase()) return true
  return name === 'localhost' || isIP(name.replace(/^\[|\]$/g, '')) !== 0
}

/** Whether a browser says that a request came from a page of the farm's own; undefined: it does not say. */
export function isSameOrigin(headers: {
  readonly host?: string | undefined
  readonly origin?: string | undefined
  readonly 'sec-fetch-site'?: string | string[] | undefined
}): boolean | undefined {
  const site = headers['sec-fetch-site']
  if (site !== undefined) return site === 'same-origin'
  if (headers.origin === undefined) return undefined
  const origin = URL.parse(headers.origin)
  return origin !== null && origin.host === headers.host?.toLowerCase()
}

/** A path of the farm's own to go on with; anything else leads to the first page. */
export function ownPath(next: string | undefined): string {
  if (next === undefined || !next.startsWith('/') || next.length > 8192) return '/'
  const base = 'http://farm.invalid'
  const url = URL.parse(next, base)
  if (url === null || url.origin !== base || next.includes('\\')) return '/'
  // '/.//other.example' becomes '//other.example', which a browser takes for a host.
  if (url.pathname.startsWith('//')) return '/'
  return `${url.pathname}${url.search}`
}
