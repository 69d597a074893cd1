/** The REST API: what its document says is what there is. */
import type { FastifyInstance } from 'fastify'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { OPERATIONS } from '../../builder/web/api/operations.ts'
import { HOST, TOKEN, withWeb } from '../support/farm/farm.ts'

const PATIENCE = AbortSignal.timeout(20_000)

async function ask(
  app: FastifyInstance,
  method: 'GET' | 'POST' | 'DELETE' | 'HEAD',
  url: string,
  payload?: object | string,
  headers = {},
) {
  const answer = await app.inject({
    method,
    url,
    headers: { host: HOST, authorization: `Bearer ${TOKEN}`, ...headers },
    ...(payload === undefined ? {} : { payload }),
  })
  const json = String(answer.headers['content-type']).startsWith('application/json') ? answer.json() : undefined
  return { status: answer.statusCode, json, text: answer.body, headers: answer.headers, bytes: answer.rawPayload }
}

test('an image by JSON: asked for, shared, followed, listed, downloaded, deleted', () =>
  withWeb({}, async (app, farm) => {
    const wanted = { class: 'debian-12', name: 'rest', packages: ['less', 'slow'] }
    const first = await ask(app, 'POST', '/api/builds', wanted)
    assert.equal([first.status, first.headers.location], [202, '/api/builds/1'])
    const second = await ask(app, 'POST', '/api/builds', { ...wanted, packages: 'slow less' })
    assert.equal([second.json.build.id, second.json.build.requests], [1, 2])
    const log = await ask(app, 'GET', '/api/builds/1/log?follow=1')
    assert.match(log.text, /step 19\n[\s\S]*\nready\n$/)
    const { json: build } = await ask(app, 'GET', '/api/builds/1')
    assert.equal([build.state, build.percent, build.ended], ['ready', 100, true])
    const third = await ask(app, 'POST', '/api/builds', wanted)
    assert.equal([third.status, third.json.image.name], [200, 'rest'])
    const { key, sha256 } = third.json.image
    const { json: listed } = await ask(app, 'GET', '/api/images')
    assert.equal(listed.images[0], (await ask(app, 'GET', `/api/images/${key}`)).json)
    const file = `/api/images/${key}/file`
    const whole = await ask(app, 'GET', file)
    assert.equal([whole.bytes.length, whole.headers.etag], [200_000, `"${sha256}"`])
    const head = await ask(app, 'HEAD', file)
    assert.equal([head.status, head.headers['content-length'], head.bytes.length], [200, '200000', 0])
    const end = await ask(app, 'GET', file, undefined, { range: 'bytes=-5' })
    assert.equal([end.status, end.bytes], [206, whole.bytes.subarray(-5)])
    assert.is((await ask(app, 'GET', file, undefined, { range: 'bytes=200000-' })).status, 416)
    assert.is((await ask(app, 'GET', file, undefined, { range: 'bytes=0-1', 'if-range': '"other"' })).status, 200)
    assert.is((await ask(app, 'GET', file, undefined, { 'if-none-match': `"${sha256}"` })).status, 304)
    const bom = await ask(app, 'GET', `/api/images/${key}/files/sbom.cdx.json`)
    assert.is(JSON.parse(bom.text).bomFormat, 'CycloneDX')
    for (const other of ['meta.json', '..%2fmeta.json', 'kernel', '%00']) {
      assert.is((await ask(app, 'GET', `/api/images/${key}/files/${other}`)).status, 404, other)
    }
    assert.is((await ask(app, 'DELETE', `/api/images/${key}`)).json.key, key)
    assert.is((await ask(app, 'GET', file)).status, 404)
    assert.is((await ask(app, 'DELETE', `/api/images/${key}`)).json.error.code, 'NO_BUILD')
    assert.is((await ask(app, 'GET', '/api/events')).json.events[0].kind, 'deleted')
    assert.equal(farm.maker.made, ['rest'])
  }))

test('an image by XML; a build is cancelled', () =>
  withWeb({}, async (app, farm) => {
    const xml = '<image><class>debian-12</class><package>forever</package></image>'
    const made = await ask(app, 'POST', '/api/builds', xml, { 'content-type': 'application/xml' })
    assert.equal([made.status, made.json.build.config.packages], [202, ['forever']])
    assert.is((await ask(app, 'POST', '/api/builds/1/cancel')).status, 200)
    assert.is((await farm.queue.wait(1, PATIENCE)).state, 'cancelled')
    assert.equal((await ask(app, 'POST', '/api/builds/1/cancel')).json.error.code, 'BUILD_OVER')
    const bomb = `<!DOCTYPE x [<!ENTITY a "b">]>${xml}`
    const refused = await ask(app, 'POST', '/api/builds', bomb, { 'content-type': 'text/xml' })
    assert.equal([refused.status, refused.json.error.code], [400, 'BAD_REQUEST'])
  }))

test('failures have code, message, hint and fields', () =>
  withWeb({}, async (app) => {
    const { status, json } = await ask(app, 'POST', '/api/builds', { class: 'nt4', name: '../x', packages: ['$(x)'] })
    assert.is(status, 400)
    assert.is(json.error.code, 'BAD_REQUEST')
    const fields = json.error.fields.map(({ field }: { field: string }) => field)
    for (const field of ['name', 'class']) assert.ok(fields.includes(field), field)
    assert.is((await ask(app, 'GET', '/api/nothing')).json.error.code, 'NO_BUILD')
    assert.is((await ask(app, 'POST', '/api/builds', [])).status, 400)
  }))

test('the OpenAPI document names every route, and every reference in it leads somewhere', () =>
  withWeb({ publicUrl: 'https://farm.example.org' }, async (app) => {
    const { json } = await ask(app, 'GET', '/api/openapi.json')
    assert.is(json.openapi, '3.1.0')
    assert.is(json.servers[0].url, 'https://farm.example.org')
    const named = Object.entries(json.paths).flatMap(([path, item]) =>
      Object.keys(item as object).map((method) => `${method} ${path}`),
    )
    assert.equal(named.sort(), OPERATIONS.map(({ method, path }) => `${method} ${path}`).sort())
    for (const [, name] of JSON.stringify(json).matchAll(/"\$ref":"#\/components\/schemas\/(\w+)"/g)) {
      assert.ok(json.components.schemas[name!], name)
    }
    assert.ok(json.components.schemas.Configuration.properties.packages)
    for (const { method, path, ...operation } of OPERATIONS) {
      const described = json.paths[path][method]
      assert.equal(described.security, 'token' in operation ? [{ token: [] }] : [])
      for (const [, name] of path.matchAll(/\{(\w+)\}/g)) {
        assert.ok(
          described.parameters.some((each: { name: string }) => each.name === name),
          path,
        )
      }
    }
  }))

test('so many may wait and follow, and no more', () =>
  withWeb({}, async (app, farm) => {
    await app.listen({ host: '127.0.0.1', port: 0 })
    const { port } = app.server.address() as { port: number }
    await ask(app, 'POST', '/api/builds', { class: 'debian-12', packages: ['forever'] })
    const gone = new AbortController()
    const url = `http://127.0.0.1:${port}/api/builds/1/events`
    const open = await Promise.all(Array.from({ length: 64 }, () => fetch(url, { signal: gone.signal })))
    assert.ok(open.every(({ status }) => status === 200))
    const refused = await fetch(url)
    assert.equal([refused.status, ((await refused.json()) as { error: { code: string } }).error.code], [503, 'BUSY'])
    gone.abort()
    for (
      let i = 0;
      i < 100 && (await fetch(url, { signal: AbortSignal.timeout(200) }).catch(() => ({ status: 503 }))).status === 503;
      i++
    ) {
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
    const again = await fetch(url, { signal: AbortSignal.timeout(5000) })
    assert.is(again.status, 200, 'their places are free when they have gone')
    await again.body?.cancel()
    await farm.queue.cancel(1, 'me')
  }))

test.run()
