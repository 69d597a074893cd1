/** A browser without JavaScript: keeps its cookie, sends forms with the secret that their page has. */
import type { FastifyInstance } from 'fastify'
import { HOST, TOKEN } from './farm.ts'

export interface Page {
  readonly status: number
  readonly body: string
  readonly location: string
  readonly headers: Readonly<Record<string, string | string[] | number | undefined>>
}

export class Browser {
  readonly #app: FastifyInstance
  cookie = ''

  constructor(app: FastifyInstance) {
    this.#app = app
  }

  static async loggedIn(app: FastifyInstance): Promise<Browser> {
    const browser = new Browser(app)
    await browser.post('/login', { token: TOKEN, next: '/' })
    return browser
  }

  get(url: string, headers: Record<string, string> = {}): Promise<Page> {
    return this.#ask('GET', url, undefined, headers)
  }

  /** Sends fields as they are. */
  post(url: string, fields: Record<string, string>, headers: Record<string, string> = {}): Promise<Page> {
    const body = new URLSearchParams(fields).toString()
    return this.#ask('POST', url, body, { 'content-type': 'application/x-www-form-urlencoded', ...headers })
  }

  /** Sends the form of a page, with the fields that it hides and what its lists propose. Forms at a page's own path post there; requests, to /create. */
  async form(path: string, fields: Record<string, string>): Promise<Page> {
    const own = path.endsWith('/cancel') ? path.slice(0, -'/cancel'.length) : path
    const { body } = await this.get(own)
    const [, csrf = ''] = /name="csrf" value="([^"]+)"/.exec(body) ?? []
    const [, form] = /name="form" value="([^"]+)"/.exec(body) ?? []
    const chosen = [...body.matchAll(/<select id="([^"]+)"[\s\S]*?<option value="([^"]*)" selected/g)]
    const selects = Object.fromEntries(chosen.map(([, name = '', value = '']) => [name, value]))
    const target = path.startsWith('/request') ? '/create' : path
    return this.post(
      target,
      { csrf, ...(form === undefined ? {} : { form }), ...selects, ...fields },
      { 'sec-fetch-site': 'same-origin' },
    )
  }

  async #ask(
    method: 'GET' | 'POST',
    url: string,
    body: string | undefined,
    more: Record<string, string>,
  ): Promise<Page> {
    const answer = await this.#app.inject({
      method,
      url,
      headers: { host: HOST, accept: 'text/html', ...(this.cookie === '' ? {} : { cookie: this.cookie }), ...more },
      ...(body === undefined ? {} : { body }),
    })
    const set = answer.headers['set-cookie']
    if (typeof set === 'string') this.cookie = set.split(';')[0] ?? ''
    const { statusCode: status, headers } = answer
    return { status, body: answer.body, location: String(headers.location ?? ''), headers }
  }
}
