/**
 * Reports in headless Chromium: axe finds nothing, the console stays empty, nothing is loaded, and nothing is wider than
 * the page: in light and dark, on a narrow screen, on paper, and with scripts off.
 *
 * HOTBLOCK_TEST_SCREENSHOTS=DIR keeps a picture of each.
 */
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { renderReport } from '../../../simulations/report/report.ts'
import type { SimulationResult } from '../../../simulations/result.ts'
import { checkAccessible } from '../../support/axe.ts'
import { largestResult, nodeResult, resultOf, strategyResult } from '../../support/simulation-results.ts'
import { withDirectory } from '../../support/temporary.ts'
import { testWith } from '../../support/tools.ts'

const testInBrowser = testWith('chromium')
const PICTURES = process.env.HOTBLOCK_TEST_SCREENSHOTS
const HOSTILE = '<script>document.title = "taken"</script><img src="/x" onerror="document.title=\'taken\'">'

let browser: Browser | undefined
test.after(() => browser?.close())

/** Shows the page from a file, as users open it. */
async function withReport(
  result: SimulationResult,
  options: BrowserContextOptions,
  use: (page: Page) => Promise<void>,
): Promise<void> {
  // As root there is no sandbox; what is looked at is only our own.
  browser ??= await chromium.launch({ executablePath: '/usr/bin/chromium', args: ['--no-sandbox'] })
  const context = await browser.newContext(options)
  try {
    await withDirectory(async (directory) => {
      const file = join(directory, 'report.html')
      await writeFile(file, renderReport(result))
      const page = await context.newPage()
      const problems: string[] = []
      page.on('pageerror', (error) => problems.push(error.message))
      page.on('console', (message) => problems.push(message.text()))
      page.on('request', (request) => {
        if (request.url() !== pathToFileURL(file).href) problems.push(`loads ${request.url()}`)
      })
      await page.goto(pathToFileURL(file).href)
      await use(page)
      assert.equal(problems, [])
    })
  } finally {
    await context.close()
  }
}

/** Pixels by which the page is wider than what it is shown on. */
function tooWide(page: Page): Promise<number> {
  return page.evaluate('document.documentElement.scrollWidth - document.documentElement.clientWidth')
}

async function picture(page: Page, name: string): Promise<void> {
  if (PICTURES !== undefined) await page.screenshot({ path: join(PICTURES, `report-${name}.png`), fullPage: true })
}

function everything(): SimulationResult {
  const { cluster } = resultOf()
  return resultOf({
    cluster: { ...cluster, faults: 2 },
    published: [{ source: 'A paper, 2010', makespanSeconds: 12 }],
    strategies: [
      strategyResult('http', { times: 100 }),
      strategyResult('bittorrent', { times: 3, failed: 3, lost: 2, completed: 95, violations: ['a rule was broken'] }),
      strategyResult('hotblock', {
        slowest: [nodeResult({ idleSeconds: 4, brokenPeers: 3 }), nodeResult({ seconds: null })],
      }),
    ],
    targets: [
      { strategy: 'hotblock', what: 'makespanPerBound', limit: 1.15, value: 1.15, met: true },
      { strategy: 'hotblock', what: 'p99PerP50', limit: 1.1, value: 1.3, met: false },
    ],
  })
}

const VARIANTS = [
  { name: 'light', options: { colorScheme: 'light', viewport: { width: 1280, height: 800 } } },
  { name: 'dark', options: { colorScheme: 'dark', viewport: { width: 1280, height: 800 } } },
  { name: 'narrow', options: { colorScheme: 'light', viewport: { width: 340, height: 700 } } },
  { name: 'narrow and dark', options: { colorScheme: 'dark', viewport: { width: 340, height: 700 } } },
] as const

for (const { name, options } of VARIANTS) {
  testInBrowser(`axe finds nothing, and nothing is wider than the page: ${name}`, () =>
    withReport(everything(), options, async (page) => {
      await picture(page, name.replaceAll(' ', '-'))
      assert.is(await tooWide(page), 0)
      await checkAccessible(page)
    }),
  )
}

testInBrowser('on paper all of it is there, on white, whatever the screen is like', () => {
  // Paper of 210 mm with margins of 12 mm, in CSS pixels.
  const options = { colorScheme: 'dark', viewport: { width: 702, height: 1000 } } as const
  return withReport(everything(), options, async (page) => {
    await page.emulateMedia({ media: 'print' })
    await picture(page, 'print')
    const hidden = await page.evaluate(
      "[...document.querySelectorAll('.table')].map((t) => t.scrollWidth - t.clientWidth).filter((pixels) => pixels > 0)",
    )
    assert.equal(hidden, [], 'paper cannot be scrolled')
    const ground = await page.evaluate('getComputedStyle(document.documentElement).backgroundColor')
    assert.is(ground, 'rgb(255, 255, 255)')
    await checkAccessible(page)
    assert.ok((await page.pdf({ preferCSSPageSize: true })).length > 10_000)
  })
})

testInBrowser('without scripts it is the same page', () =>
  withReport(resultOf(), { javaScriptEnabled: false }, async (page) => {
    assert.is(await page.title(), 'Made up · hotblock simulation')
    assert.ok(
      await page
        .getByRole('img', { name: /^Part of the nodes that have the image/ })
        .first()
        .isVisible(),
    )
    assert.is(await page.getByRole('heading', { name: 'The slowest nodes, and why' }).count(), 1)
  }),
)

testInBrowser('hostile names are shown as text', () => {
  const strategies = [strategyResult(HOSTILE, { violations: [HOSTILE] })]
  return withReport(resultOf({ scenario: HOSTILE, title: HOSTILE, strategies }), {}, async (page) => {
    assert.is(await page.title(), `${HOSTILE} · hotblock simulation`)
    assert.is(await page.locator('h1').textContent(), HOSTILE)
    assert.is(await page.locator('script, img').count(), 0)
  })
})

testInBrowser('the largest page is shown, and is accessible', () =>
  withReport(largestResult(), { viewport: { width: 1280, height: 800 } }, async (page) => {
    await picture(page, 'largest')
    assert.is(await page.locator('svg').count(), 2 + 7 + 7)
    await checkAccessible(page)
  }),
)

test.run()
