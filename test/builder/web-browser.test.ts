/**
 * The pages in headless Chromium: axe finds nothing on any of them, in light and dark, with and without JavaScript and
 * on a narrow screen; an image is made with the keyboard alone; log and progress come by themselves.
 *
 * HOTBLOCK_TEST_SCREENSHOTS=DIR keeps a picture of each page.
 */
import { join } from 'node:path'
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { checkAccessible } from '../support/axe.ts'
import { type TestFarm, TOKEN, withWeb } from '../support/farm/farm.ts'
import { testWith } from '../support/tools.ts'

const testInBrowser = testWith('chromium')

const PICTURES = process.env.HOTBLOCK_TEST_SCREENSHOTS
const PATIENCE = AbortSignal.timeout(60_000)

let browser: Browser

test.before(async () => {
  // As root there is no sandbox; what is looked at is only the farm's own.
  const options = { executablePath: '/usr/bin/chromium', args: ['--no-sandbox'] }
  browser = await chromium.launch(options).catch((error: Error) => {
    // uvu says nothing of a hook that fails.
    console.error(`Chromium is needed (Debian's package chromium): ${error.message}`)
    throw error
  })
})
test.after(() => browser.close())

function withSite(use: (url: string, farm: TestFarm) => Promise<void>): Promise<void> {
  return withWeb({}, async (app, farm) => {
    await app.listen({ host: '127.0.0.1', port: 0 })
    const { port } = app.server.address() as { port: number }
    await use(`http://127.0.0.1:${port}`, farm)
  })
}

async function withContext(
  options: Parameters<Browser['newContext']>[0],
  use: (page: Page, context: BrowserContext) => Promise<void>,
): Promise<void> {
  const context = await browser.newContext(options)
  context.setDefaultTimeout(10_000)
  const page = await context.newPage()
  const problems: string[] = []
  page.on('pageerror', (error) => problems.push(error.message))
  page.on('console', (message) => {
    if (message.type() === 'error' && !/status of 4/.test(message.text())) problems.push(message.text())
  })
  try {
    await use(page, context)
    assert.equal(problems, [], 'nothing is wrong in the console, and nothing was stopped by the policy')
  } finally {
    await context.close()
  }
}

/** As a browser without scripts has it; axe itself is one, so that scripts cannot really be off. */
async function withoutScript(page: Page): Promise<void> {
  await page.route('**/*', async (route) => {
    if (route.request().resourceType() === 'script') return route.fulfill({ contentType: 'text/javascript', body: '' })
    if (route.request().resourceType() !== 'document') return route.continue()
    const response = await route.fetch({ maxRedirects: 0 })
    return route.fulfill({ response, body: (await response.text()).replaceAll(/<\/?noscript>/g, '') })
  })
}

async function picture(page: Page, name: string): Promise<void> {
  if (PICTURES !== undefined) await page.screenshot({ path: join(PICTURES, `${name}.png`), fullPage: true })
}

async function login(page: Page, url: string): Promise<void> {
  await page.goto(`${url}/login?next=/`)
  await page.getByLabel('Token').fill(TOKEN)
  await page.getByRole('button', { name: 'Log in' }).click()
  await page.getByRole('button', { name: 'Log out' }).waitFor()
}

/** A farm with something of everything. Its fifth build runs for ever. */
async function fill(farm: TestFarm): Promise<void> {
  const by = { who: 'alice', via: 'page' } as const
  for (const raw of [
    { name: 'bookworm-base', class: 'debian-12', groups: ['core', 'base'], packages: ['less', 'vim'] },
    { class: 'debian-13', arch: 'arm64', fileType: '.tar.gz', packages: ['openssh-server'] },
    { name: 'batch-worker-2026', appliance: 'batch-worker', class: 'debian-12', fileType: '.img', boot: 'direct' },
    { name: 'broken', class: 'debian-12', packages: ['fail-no-space'] },
    { name: 'in-the-making', class: 'debian-12', groups: ['mpi'], packages: ['forever'] },
    { name: 'waiting', class: 'el9' },
  ]) {
    const submitted = await farm.submit(farm.requests.fromJson(raw), by)
    if (submitted.kind !== 'build' || submitted.build.id > 4) continue
    await farm.queue.wait(submitted.build.id, PATIENCE)
  }
}

const VARIANTS = [
  { name: 'light', options: { colorScheme: 'light', viewport: { width: 1280, height: 800 } } },
  { name: 'dark', options: { colorScheme: 'dark', viewport: { width: 1280, height: 800 } } },
  { name: 'narrow', options: { colorScheme: 'light', viewport: { width: 360, height: 700 } } },
  { name: 'no-script', options: { viewport: { width: 1280, height: 800 } } },
] as const

for (const { name, options } of VARIANTS) {
  testInBrowser(`axe finds nothing on any page: ${name}`, () =>
    withSite(async (url, farm) => {
      await withContext(options, async (page) => {
        if (name === 'no-script') await withoutScript(page)
        await page.goto(url)
        await checkAccessible(page, 'an empty repository')
        await picture(page, `${name}-empty`)
        await page.goto(`${url}/login`)
        await checkAccessible(page, 'login')
        await picture(page, `${name}-login`)
        await page.getByLabel('Token').fill('wrong')
        await page.getByRole('button', { name: 'Log in' }).click()
        await checkAccessible(page, 'wrong login')
        await fill(farm)
        const key = farm.repository.find('batch-worker-2026').key
        await login(page, url)
        const pages: [string, string][] = [
          ['repository', '/'],
          ['about', '/about'],
          ['log', '/log'],
          ['status', '/status'],
          ['simple', '/request'],
          ['appliance', '/request/appliance'],
          ['advanced', '/request/advanced'],
          ['image', `/images/${key}`],
          ['delete', `/images/${key}/delete`],
          ['build-ready', '/builds/3'],
          ['build-failed', '/builds/4'],
          ['build-running', '/builds/5'],
          ['confirm', '/create?class=debian-12&name=x'],
          ['missing', '/nothing'],
        ]
        for (const [what, path] of pages) {
          await page.goto(url + path)
          await checkAccessible(page, what)
          await picture(page, `${name}-${what}`)
          const wide = await page.evaluate<number>('document.documentElement.scrollWidth - innerWidth')
          assert.ok(wide <= 0, `${what} is ${wide} pixels too wide`)
        }
        await page.goto(`${url}/request/advanced`)
        await page.getByLabel('Name', { exact: true }).fill('../x')
        await page.getByLabel('Packages').fill('a;b')
        await page.getByRole('button', { name: 'Create image…' }).click()
        await page.getByRole('heading', { name: 'There are 2 problems' }).waitFor()
        await checkAccessible(page, 'problems')
        await picture(page, `${name}-problems`)
        await farm.queue.cancel(5, 'me')
      })
    }),
  )
}

testInBrowser('with the keyboard alone: log in, ask for an image, see it made, find the download', () =>
  withSite(async (url, farm) => {
    await withContext({}, async (page) => {
      const focus = () =>
        page.evaluate<{ text: string; id: string; outline: string }>(
          '(({ activeElement: at }) => ({ text: at.textContent.trim(), id: at.id, outline: getComputedStyle(at).outlineStyle }))(document)',
        )
      /** Tab until something has the focus; it is seen to have it. */
      const to = async (fits: (at: { text: string; id: string }) => boolean): Promise<void> => {
        for (let i = 0; i < 60; i++) {
          await page.keyboard.press('Tab')
          const at = await focus()
          if (!fits(at)) continue
          assert.is.not(at.outline, 'none', `${at.text || at.id} shows that it has the focus`)
          return
        }
        assert.unreachable('nothing fits')
      }
      await page.goto(url)
      await page.keyboard.press('Tab')
      assert.is((await focus()).text, 'Skip to content')
      await page.keyboard.press('Enter')
      assert.is((await focus()).id, 'main')
      await page.goto(`${url}/request`)
      await to(({ text }) => text === 'Log in to create images')
      await page.keyboard.press('Enter')
      await page.waitForURL('**/login?**')
      await to(({ id }) => id === 'token')
      await page.keyboard.type(TOKEN)
      await page.keyboard.press('Enter')
      await page.waitForURL('**/request')
      await to(({ id }) => id === 'name')
      await page.keyboard.type('by-keyboard')
      await to(({ id }) => id === 'class')
      await page.keyboard.press('ArrowDown')
      await to(({ id }) => id === 'filetype')
      await page.keyboard.press('ArrowDown')
      await to(({ text }) => text === 'Create image…')
      await page.keyboard.press('Enter')
      await page.waitForURL('**/builds/1')
      await page.getByRole('link', { name: 'Download by-keyboard.tar.gz' }).waitFor()
      await to(({ text }) => text === 'Download by-keyboard.tar.gz')
    })
    assert.is(farm.repository.find('by-keyboard').config.class, 'debian-13')
  }),
)

testInBrowser('without JavaScript an image is asked for, looked at, and deleted', () =>
  withSite(async (url, farm) => {
    await withContext({ javaScriptEnabled: false }, async (page) => {
      await login(page, url)
      await page.goto(`${url}/request/advanced`)
      await page.getByLabel('Name', { exact: true }).fill('plain')
      await page.getByLabel('Packages').fill('slow')
      await page.getByRole('button', { name: 'Create image…' }).click()
      await page.getByRole('heading', { name: 'Build 1: plain' }).waitFor()
      assert.is(await page.getByRole('link', { name: 'Download plain.tar' }).count(), 0)
      await farm.queue.wait(1, PATIENCE)
      await page.getByRole('link', { name: 'Show the newest state' }).click()
      await page.getByRole('link', { name: 'Show the image' }).click()
      const download = page.waitForEvent('download')
      await page.getByRole('link', { name: 'Download plain.tar' }).click()
      assert.is((await download).suggestedFilename(), 'plain.tar')
      await page.getByRole('link', { name: 'Delete…' }).click()
      await page.getByRole('button', { name: 'Delete the image' }).click()
      await page.getByText('There are no images yet.').waitFor()
    })
  }),
)

testInBrowser('log, progress and the end of a build come by themselves', () =>
  withSite(async (url, farm) => {
    await withContext({}, async (page) => {
      await login(page, url)
      const config = farm.requests.fromJson({ class: 'debian-12', name: 'live', packages: ['slow'] })
      await farm.submit(config, { who: 'alice', via: 'page' })
      await page.goto(`${url}/builds/1`)
      await page.getByText('step 15', { exact: false }).waitFor()
      await page.getByRole('link', { name: 'Download live.tar' }).first().waitFor()
      const log = await page.locator('pre.log').textContent()
      assert.is(log?.split('step 3\n').length, 2, 'each line once')
      assert.match(log ?? '', /ready\n$/)
    })
  }),
)

testInBrowser('architectures follow the class that is chosen', () =>
  withSite(async (url) => {
    await withContext({}, async (page) => {
      await page.goto(`${url}/request`)
      await page.getByLabel('Architecture').selectOption('i386')
      await page.getByLabel('Class').selectOption('debian-13')
      assert.is(await page.getByLabel('Architecture').inputValue(), 'amd64')
      assert.is(await page.locator('option[value="i386"]').isDisabled(), true)
    })
  }),
)

test.run()
