/** The pages as a browser without JavaScript gets them: every one, the forms, creating, downloading, deleting. */
import type { FastifyInstance } from 'fastify'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { PAGES } from '../../builder/web/view.ts'
import { Browser } from '../support/farm/browser.ts'
import { type TestFarm, withWeb } from '../support/farm/farm.ts'

const PATIENCE = AbortSignal.timeout(20_000)

async function make(farm: TestFarm, raw: object): Promise<string> {
  const submitted = await farm.submit(farm.requests.fromJson({ class: 'debian-12', ...raw }), {
    who: 'tester',
    via: 'page',
  })
  if (submitted.kind === 'build') await farm.queue.wait(submitted.build.id, PATIENCE)
  return farm.requests.key(farm.requests.fromJson({ class: 'debian-12', ...raw }))
}

test('every page is there, empty and full, with title, landmarks and navigation', async () => {
  await withWeb({}, async (app, farm) => {
    for (const full of [false, true]) {
      if (full) await make(farm, { name: 'one', packages: ['less', 'vim'], groups: ['core'] })
      for (const { path, title } of PAGES) {
        const { status, body } = await new Browser(app).get(path)
        assert.is(status, 200, path)
        assert.match(body, new RegExp(`<title>${title} · OS Farm</title>`), path)
        assert.match(body, /<a class="skip" href="#main">/)
        assert.match(body, new RegExp(`href="${path}" aria-current="page"`))
        assert.not.match(body, /undefined|\[object/, path)
        assert.is(body.split('<h1').length, 2, `${path}: one heading of the first level`)
      }
    }
  })
})

test('the repository shows what the slides of 2007 show', async () => {
  await withWeb({}, async (app, farm) => {
    await make(farm, { name: 'one', packages: ['less'], groups: ['core', 'base'] })
    const { body } = await new Browser(app).get('/')
    for (const head of ['Location', 'Name', 'Class', 'Architecture', 'File type', 'Groups', 'Packages']) {
      assert.ok(body.includes(`>${head}</th>`), head)
    }
    for (const cell of ['debian-12', 'amd64', '.tar', 'base core', 'less']) assert.ok(body.includes(`>${cell}<`), cell)
    assert.match((await new Browser(app).get('/?q=nothing')).body, /No image matches “nothing”/)
    assert.match((await new Browser(app).get('/?q=CORE+less')).body, />one</)
  })
})

test('an image is asked for by form, made, looked at, downloaded and deleted', async () => {
  await withWeb({}, async (app, farm) => {
    const browser = await Browser.loggedIn(app)
    const form = await browser.form('/request', { name: 'mine', class: 'debian-13', arch: 'arm64', filetype: '.img' })
    assert.is(form.status, 303)
    assert.match(form.location, /^\/builds\/\d+$/)
    await farm.queue.wait(Number(form.location.split('/')[2]), PATIENCE)
    const build = await browser.get(form.location)
    assert.match(build.body, /Download mine\.img/)
    assert.match(build.body, /making debian-13 for arm64/)
    const [entry] = farm.repository.list()
    const image = await browser.get(`/images/${entry!.key}`)
    assert.match(image.body, /hotblock fetch mine/)
    const file = await app.inject({ url: `/images/${entry!.key}/download`, headers: { host: '127.0.0.1' } })
    assert.equal(
      [file.statusCode, file.headers['content-length'], file.headers['content-disposition'], file.rawPayload.length],
      [200, '200000', 'attachment; filename="mine.img"', 200_000],
    )
    const confirm = await browser.get(`/images/${entry!.key}/delete`)
    assert.match(confirm.body, /Delete mine\?/)
    const deleted = await browser.form(`/images/${entry!.key}/delete`, {})
    assert.equal([deleted.status, deleted.location], [303, '/'])
    assert.is((await browser.get(`/images/${entry!.key}`)).status, 404)
    const log = await browser.get('/log')
    for (const kind of ['deleted', 'ready', 'stage', 'started', 'requested']) assert.ok(log.body.includes(`>${kind}<`))
  })
})

test('what is wrong is said at the field, linked from the top, and nothing that was typed is lost', async () => {
  await withWeb({}, async (app, farm) => {
    const browser = await Browser.loggedIn(app)
    const typed = {
      name: '../etc',
      class: 'debian-12',
      arch: 'arm64',
      group: 'core',
      package: 'less\n$(reboot)',
      'files-1-path': 'etc/motd',
      script: '#!/bin/sh\necho "<hello>"',
    }
    const answer = await browser.form('/request/advanced', typed)
    assert.is(answer.status, 400)
    assert.match(answer.body, /<title>Problem: Advanced request/)
    for (const field of ['name', 'arch', 'package', 'files-1-path']) {
      assert.match(answer.body, new RegExp(`<a href="#${field}">`), field)
      assert.match(answer.body, new RegExp(`id="${field}"[^>]*aria-invalid="true"`), field)
      assert.match(answer.body, new RegExp(`id="${field}-problem"`), field)
    }
    assert.match(answer.body, /value="\.\.\/etc"/)
    assert.match(answer.body, /\$\(reboot\)/)
    assert.match(answer.body, /echo &quot;&lt;hello&gt;&quot;/)
    assert.match(answer.body, /value="core" checked/)
    assert.equal(farm.queue.list(), [])
    const simple = await browser.form('/request', { name: 'x', class: 'windows' })
    assert.match(simple.body, /<a href="#class">/)
  })
})

test('hostile text is shown as text, wherever it comes from', async () => {
  await withWeb({}, async (app, farm) => {
    await make(farm, { name: 'bad', packages: ['fail-internal'] })
    const build = await new Browser(app).get('/builds/1')
    assert.match(build.body, /the tool failed: &lt;b&gt;internal&lt;\/b&gt;/)
    assert.not.match(build.body, /<b>internal/)
    const search = await new Browser(app).get(`/?q=${encodeURIComponent('"><script>alert(1)</script>')}`)
    assert.not.match(search.body, /<script>alert/)
    const missing = await new Browser(app).get('/builds/%3Cscript%3E')
    assert.is(missing.status, 404)
    assert.not.match(missing.body, /<script>/)
    const login = await new Browser(app).get('/login?next=%22%3E%3Cscript%3E')
    assert.not.match(login.body, /"><script>/)
  })
})

test('a synchronous request waits; with download it sends the file, a failure says what failed', async () => {
  await withWeb({}, async (app) => {
    const browser = await Browser.loggedIn(app)
    const waited = await browser.form('/request', { name: 'a', synchronous: 'on' })
    assert.match(waited.location, /^\/images\/[0-9a-f]{64}$/)
    const file = await browser.form('/request', { name: 'b', download: 'on' })
    assert.equal([file.status, file.headers['content-disposition']], [200, 'attachment; filename="b.tar"'])
    const failed = await browser.form('/request/advanced', { name: 'c', synchronous: 'on', package: 'fail-no-space' })
    assert.is(failed.status, 507)
    assert.match(failed.body, /NO_SPACE/)
  })
})

test('a build that runs is followed as events, and cancelled', async () => {
  await withWeb({}, async (app, farm) => {
    const browser = await Browser.loggedIn(app)
    const { location } = await browser.form('/request/advanced', { name: 'a', package: 'forever' })
    const page = await browser.get(location)
    assert.match(page.body, /<progress/)
    setTimeout(() => void browser.form(`${location}/cancel`, {}), 300)
    const events = await app.inject({ url: `${location}/events`, headers: { host: '127.0.0.1' } })
    assert.match(String(events.headers['content-type']), /^text\/event-stream/)
    assert.match(String(events.headers['content-security-policy']), /default-src 'none'/)
    assert.match(events.body, /^event: state\ndata: \{/)
    assert.match(events.body, /event: log\nid: \d+\ndata: step 0\n/)
    assert.match(events.body, /"shownState":"cancelled"/)
    assert.match(events.body, /event: end\ndata: \{\}\n\n$/)
    const again = await app.inject({ url: `${location}/events`, headers: { host: '127.0.0.1', 'last-event-id': '3' } })
    assert.match(again.body, /id: 4\n/)
    assert.not.match(again.body, /id: 3\n/)
    const log = await app.inject({ url: `${location}/log`, headers: { host: '127.0.0.1' } })
    assert.match(log.body, /\ncancelled\n$/)
    assert.is(farm.queue.list()[0]?.state, 'cancelled')
  })
})

test('pages that are not there, and methods that are not, are 404', async () => {
  await withWeb({}, async (app: FastifyInstance) => {
    for (const path of [
      '/nothing',
      '/builds/0',
      '/builds/1',
      '/images/x',
      '/static/..%2fserver.ts',
      '/images/x/files/y',
    ]) {
      const { status, body } = await new Browser(app).get(path)
      assert.is(status, 404, path)
      assert.match(body, /NO_BUILD/, path)
    }
  })
})

test.run()
