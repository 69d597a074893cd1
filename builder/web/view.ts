/** Renders pages. Everything that a template prints is escaped, unless it is markup of the templates' own. */
import { join } from 'node:path'
import { Eta } from 'eta'
import { formatBytes, formatCount, formatSeconds } from '../../node/cli/format.ts'
import { VERSION } from '../../node/version.ts'
import type { Session } from './auth/sessions.ts'

export const PAGES = [
  { path: '/', title: 'Repository' },
  { path: '/about', title: 'About' },
  { path: '/log', title: 'Log' },
  { path: '/status', title: 'Status' },
  { path: '/request', title: 'Simple request' },
  { path: '/request/appliance', title: 'Virtual Appliances request' },
  { path: '/request/advanced', title: 'Advanced request' },
] as const

export interface PageHead {
  readonly title: string
  /** Path of the page, for the navigation. */
  readonly path: string
  readonly session: Session | undefined
}

const STATE_LABELS: Readonly<Record<string, string>> = {
  queued: 'Queued',
  building: 'Building',
  publishing: 'Publishing',
  ready: 'Ready',
  failed: 'Failed',
  cancelled: 'Cancelled',
  interrupted: 'Interrupted',
  cancelling: 'Cancelling',
  missing: 'Not on the node',
}

/** What templates may call. */
const HELPERS = {
  bytes: formatBytes,
  count: formatCount,
  seconds: formatSeconds,
  percent: (fraction: number) => Math.round(100 * Math.min(1, Math.max(0, fraction))),
  /** 2026-11-25 19:04 */
  time: (at: number) => new Date(at).toISOString().slice(0, 16).replace('T', ' '),
  iso: (at: number) => new Date(at).toISOString(),
  short: (key: string) => key.slice(0, 12),
  state: (state: string) => STATE_LABELS[state] ?? state,
  /** For the page's script. */
  stateLabels: JSON.stringify(STATE_LABELS),
  plural: (count: number, one: string, many: string) => `${formatCount(count)} ${count === 1 ? one : many}`,
}

export type View = (template: string, head: PageHead, data: object) => string

export function createView(): View {
  const eta = new Eta({
    views: join(import.meta.dirname, 'templates'),
    cache: true,
    autoEscape: true,
    rmWhitespace: false,
  })
  return (template, head, data) =>
    eta.render(template, { ...data, ...head, pages: PAGES, version: VERSION, h: HELPERS })
}
