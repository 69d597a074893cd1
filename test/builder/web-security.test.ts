/** Who may do what: tokens, sessions, forms of other sites, other hosts' names, limits, headers. */
import type { FastifyInstance, InjectOptions } from 'fastify'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { createAttempts, WINDOW_MS, WRONG_MAX } from '../../builder/web/auth/attempts.ts'
import { createSessions, SESSION_MS, SESSIONS_MAX } from '../../builder/web/auth/sessions.ts'
import { readTokens } from '../../builder/web/auth/tokens.ts'
import { isOwnHost, isSameOrigin, ownPath } from '../../builder/web/hosts.ts'
import { PAGES } from '../../builder/web/view.ts'
import { throwsCode } from '../support/failures.ts'
import { Browser } from '../support/farm/browser.ts'
import { HOST, TOKEN, withWeb } from '../support/farm/farm.ts'

const CREATE = '/create?name=&download=on&class=debian-12&arch=i386&filetype=.tar&group=core&group=base&package=less'
const BEARER = { authorization: `Bearer ${TOKEN}` }

function ask(app: FastifyInstance, options: InjectOptions & { url: string }) {
  return app.inject({ ...options, headers: { host: HOST, ...options.headers } })
}

test('the URL of the slides creates with a token, waits, and sends the file', async () => {
  await withWeb({}, async (app, farm) => {
    const first = await ask(app, { url: CREATE, headers: BEARER })
    assert.is(first.statusCode, 200)
    assert.match(
      String(first.headers['content-disposition']),
      /^attachment; filename="debian-12-i386-[0-9a-f]{8}\.tar"$/,
    )
    assert.is(first.rawPayload.length, 200_000)
    assert.equal(farm.repository.list()[0]?.config.groups, ['base', 'core'])
    const part = await ask(app, { url: CREATE, headers: { ...BEARER, range: 'bytes=10-19' } })
    assert.equal([part.statusCode, part.headers['content-range']], [206, 'bytes 10-19/200000'])
    assert.equal(part.rawPayload, first.rawPayload.subarray(10, 20))
    assert.is(farm.maker.made.length, 1, 'an image that is there is not made again')
    const later = await ask(app, { url: '/create?class=debian-13', headers: BEARER })
    assert.equal([later.statusCode, later.headers.location], [303, '/builds/2'])
    const json = await ask(app, { url: '/create?class=debian-13&synchronous=on', headers: BEARER })
    assert.is(json.json().image.config.class, 'debian-13')
    const failed = await ask(app, {
      url: '/create?class=debian-12&package=fail-no-space&synchronous=on',
      headers: BEARER,
    })
    assert.equal([failed.statusCode, failed.json().error.code], [507, 'NO_SPACE'])
    const wrong = await ask(app, { url: '/create?class=nt4', headers: BEARER })
    assert.equal([wrong.statusCode, wrong.json().error.fields[0].field], [400, 'class'])
  })
})

test('without a token nothing is created, cancelled or deleted', async () => {
  await withWeb({}, async (app, farm) => {
    await farm.submit(farm.requests.fromJson({ class: 'debian-12', name: 'a', packages: ['forever'] }), {
      who: 'tester',
      via: 'api',
    })
    const key = 'ab'.repeat(32)
    const calls: (InjectOptions & { url: string })[] = [
      { url: CREATE },
      {
        url: '/create',
        method: 'POST',
        headers: { 'content-type': 'application/x-www-form-urlencoded' },
        payload: 'class=debian-12',
      },
      { url: '/builds/1/cancel', method: 'POST' },
      { url: `/images/${key}/delete`, method: 'POST' },
      { url: '/api/builds', method: 'POST', payload: {} },
      { url: '/api/builds/1/cancel', method: 'POST' },
      { url: `/api/images/${key}`, method: 'DELETE' },
    ]
    for (const authorization of [undefined, 'Bearer wrong-token-wrong-token', 'Basic YTpi']) {
      for (const call of calls) {
        const headers = { ...call.headers, ...(authorization === undefined ? {} : { authorization }) }
        const { statusCode, headers: got } = await ask(app, { ...call, headers })
        assert.ok(statusCode === 401 || statusCode === 429, `${call.url} ${authorization}: ${statusCode}`)
        if (statusCode === 401) assert.match(String(got['www-authenticate']), /^Bearer/)
      }
    }
    assert.is(farm.queue.list().length, 1)
    assert.is(farm.queue.get(1).cancelling, false)
    await farm.queue.cancel(1, 'me')
  })
})

test("a browser's cookie creates by no link: the page asks first", async () => {
  await withWeb({}, async (app, farm) => {
    const stranger = await new Browser(app).get(CREATE)
    assert.equal([stranger.status, stranger.location], [303, `/login?next=${encodeURIComponent(CREATE)}`])
    const browser = await Browser.loggedIn(app)
    const asked = await browser.get(CREATE, { 'sec-fetch-site': 'cross-site' })
    assert.is(asked.status, 200)
    assert.match(asked.body, /Create this image\?/)
    assert.equal(farm.queue.list(), [])
    const fields = Object.fromEntries(
      [...asked.body.matchAll(/type="hidden" name="([^"]*)" value="([^"]*)"/g)].map(([, name, value]) => [
        name!,
        value!,
      ]),
    )
    const made = await browser.post('/create', fields)
    assert.is(made.status, 200)
    assert.is(farm.repository.list().length, 1)
  })
})

test('a form of another site does nothing, even with the cookie', async () => {
  await withWeb({}, async (app, farm) => {
    const browser = await Browser.loggedIn(app)
    const { body } = await browser.get('/request')
    const [, csrf = ''] = /name="csrf" value="([^"]+)"/.exec(body) ?? []
    const fields = { form: 'simple', name: 'x', class: 'debian-12' }
    const refused: [Record<string, string>, Record<string, string>][] = [
      [{}, {}],
      [{ csrf: 'x'.repeat(43) }, {}],
      [{ csrf }, { 'sec-fetch-site': 'cross-site' }],
      [{ csrf }, { 'sec-fetch-site': 'same-site' }],
      [{ csrf }, { origin: 'https://evil.example' }],
      [{ csrf }, { origin: 'null' }],
    ]
    for (const [secret, headers] of refused) {
      const { status, body: said } = await browser.post('/create', { ...fields, ...secret }, headers)
      assert.is(status, 403, JSON.stringify([secret, headers]))
      assert.match(said, /FORBIDDEN/)
    }
    assert.equal(farm.queue.list(), [])
    assert.is((await browser.post('/create', { ...fields, csrf }, { origin: `http://${HOST}` })).status, 303)
    const login = await new Browser(app).post('/login', { token: TOKEN }, { 'sec-fetch-site': 'cross-site' })
    assert.is(login.status, 403)
    // The secret of one session is worth nothing in another.
    const other = await Browser.loggedIn(app)
    assert.is((await other.post('/create', { ...fields, csrf })).status, 403)
    const left = await browser.post('/logout', { csrf })
    assert.is(left.status, 303)
    assert.is((await browser.post('/create', { ...fields, csrf })).status, 401)
  })
})

test('the cookie is kept from scripts and from other sites', async () => {
  for (const [publicUrl, expected] of [
    [undefined, /^hotblock=[\w-]{43}; Max-Age=43200; Path=\/; HttpOnly; SameSite=Strict$/],
    [
      'https://farm.example.org',
      /^__Host-hotblock=[\w-]{43}; Max-Age=43200; Path=\/; HttpOnly; SameSite=Strict; Secure$/,
    ],
  ] as const) {
    await withWeb(publicUrl === undefined ? {} : { publicUrl }, async (app) => {
      const { headers } = await new Browser(app).post('/login', { token: TOKEN })
      assert.match(String(headers['set-cookie']), expected)
    })
  }
})

test('a login leads only to pages of the farm', async () => {
  await withWeb({}, async (app) => {
    for (const next of [
      '//evil.example',
      'https://evil.example/',
      '/\\evil.example',
      '\\\\evil',
      'javascript:alert(1)',
      '',
    ]) {
      const { status, location } = await new Browser(app).post('/login', { token: TOKEN, next })
      assert.equal([status, location], [303, '/'], next)
    }
    const { location } = await new Browser(app).post('/login', { token: TOKEN, next: '/request/advanced?name=a' })
    assert.is(location, '/request/advanced?name=a')
  })
  assert.is(ownPath('/a/../b'), '/b')
  assert.is(ownPath('/.//evil.example'), '/')
})

test('wrong tokens are counted: after some, nobody at that address may try for a while', async () => {
  await withWeb({}, async (app) => {
    for (let i = 0; i < WRONG_MAX; i++) {
      const { status, body } = await new Browser(app).post('/login', { token: `wrong-${i}` })
      assert.is(status, 401)
      assert.match(body, /The token is wrong/)
    }
    assert.is((await new Browser(app).post('/login', { token: TOKEN })).status, 429)
    assert.is((await ask(app, { url: '/create', headers: BEARER })).statusCode, 429)
    assert.is((await new Browser(app).get('/')).status, 200)
  })
  let now = 0
  const attempts = createAttempts(() => now)
  for (let i = 0; i < WRONG_MAX; i++) attempts.wrong('a')
  throwsCode('TOO_MANY', () => attempts.check('a'))
  attempts.check('b')
  now = WINDOW_MS + 1
  attempts.check('a')
})

test('sessions end, and the oldest go when there are too many', () => {
  let now = 0
  const sessions = createSessions(() => now)
  const first = sessions.open('a')
  assert.is(sessions.find(first)?.who, 'a')
  for (let i = 0; i < SESSIONS_MAX; i++) sessions.open('b')
  assert.is(sessions.find(first), undefined)
  const last = sessions.open('c')
  now = SESSION_MS + 1
  assert.is(sessions.find(last), undefined)
  assert.is(sessions.find('x'.repeat(43)), undefined)
})

test('tokens are read line by line, and a file that makes no sense is refused', () => {
  const tokens = readTokens('# comment\nalice:0123456789abcdef\n\nfedcba9876543210\n', 'f')
  assert.is(tokens.owner('0123456789abcdef'), 'alice')
  assert.is(tokens.owner('fedcba9876543210'), 'admin')
  assert.is(tokens.owner('alice:0123456789abcdef'), undefined)
  assert.is(tokens.owner(''), undefined)
  for (const text of ['', '# nothing', 'short', 'a b:0123456789abcdef', 'alice:0123456789 abcdef']) {
    throwsCode('BAD_CONFIG', () => readTokens(text, 'f'))
  }
})

test('the farm answers under no name but its own', async () => {
  await withWeb({}, async (app) => {
    for (const host of [
      'evil.example',
      'evil.example:8473',
      'localhost.evil.example',
      '127.0.0.1.evil.example',
      'a@b',
    ]) {
      assert.is((await app.inject({ url: '/', headers: { host } })).statusCode, 421, host)
    }
    for (const host of ['localhost:8473', '127.0.0.1', '[::1]:8473', '10.1.2.3:80']) {
      assert.is((await app.inject({ url: '/', headers: { host } })).statusCode, 200, host)
    }
  })
  const url = new URL('https://farm.example.org')
  assert.ok(isOwnHost('farm.example.org', url))
  assert.not.ok(isOwnHost('farm.example.org:1', url))
  assert.is(isSameOrigin({ host: HOST }), undefined)
  assert.is(isSameOrigin({ host: HOST, origin: `http://${HOST}`, 'sec-fetch-site': 'cross-site' }), false)
})

test('every answer carries the headers that keep scripts, frames and sniffing out', async () => {
  await withWeb({}, async (app) => {
    for (const url of [
      ...PAGES.map(({ path }) => path),
      '/login',
      '/nothing',
      '/api/images',
      '/soap?wsdl',
      '/static/farm.css',
    ]) {
      const { headers, body } = await ask(app, { url, headers: { accept: 'text/html' } })
      const csp = String(headers['content-security-policy'])
      assert.match(csp, /default-src 'none'; script-src 'self'; style-src 'self'/, url)
      assert.not.match(csp, /unsafe|\*/)
      assert.is(headers['x-content-type-options'], 'nosniff')
      assert.match(csp, /frame-ancestors 'none'/)
      if (!String(headers['content-type']).startsWith('text/html')) continue
      assert.not.match(body, /<style|\sstyle=|\son\w+=|<script(?![^>]*src="\/static\/)/, url)
      assert.not.match(body, /(?:src|href)="(?:https?:)?\/\//, url)
    }
  })
})

test('bodies and URLs have limits, and odd ones are refused', async () => {
  await withWeb({}, async (app) => {
    const form = { 'content-type': 'application/x-www-form-urlencoded' }
    const cases: [InjectOptions & { url: string }, number][] = [
      [{ url: '/login', method: 'POST', headers: form, payload: `token=${'a'.repeat(20_000)}` }, 413],
      [{ url: '/create', method: 'POST', headers: form, payload: `a=${'a'.repeat(7_000_000)}` }, 413],
      [
        {
          url: '/api/builds',
          method: 'POST',
          headers: { ...BEARER, 'content-type': 'application/json' },
          payload: '{',
        },
        400,
      ],
      [
        {
          url: '/api/builds',
          method: 'POST',
          headers: { ...BEARER, 'content-type': 'application/json' },
          payload: '{"__proto__":{}}',
        },
        400,
      ],
      [{ url: '/api/builds', method: 'POST', headers: { ...BEARER, 'content-type': 'text/html' }, payload: 'x' }, 415],
      [{ url: `/?q=${'a'.repeat(17_000)}` }, 414],
      [{ url: '/builds/%E0%A4%A' }, 400],
      [{ url: '/', method: 'DELETE' }, 404],
    ]
    for (const [options, status] of cases) {
      const { statusCode, body } = await ask(app, options)
      assert.is(statusCode, status, `${options.method} ${options.url.slice(0, 40)}: ${body.slice(0, 200)}`)
      assert.ok(JSON.parse(body).error.code !== 'INTERNAL')
    }
  })
})

test.run()
