import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { loadCatalog } from '../../../builder/catalog/load.ts'
import { classSources, DEBIAN_DEFAULTS } from '../../../builder/make/apt-sources.ts'

const settings = { ...DEBIAN_DEFAULTS, mirror: 'http://mirror.example/debian' }
const debian12 = (await loadCatalog([])).classes.get('debian12')!

async function suitesOf(more: Partial<typeof debian12>, withSettings = settings): Promise<string[]> {
  const sources = await classSources({ ...debian12, ...more }, withSettings)
  return sources.map(({ uri, suite }) => `${uri} ${suite}`)
}

test('a release counts with its updates, and its security updates beside the mirror', async () => {
  assert.equal(await suitesOf({}), [
    'http://mirror.example/debian bookworm',
    'http://mirror.example/debian bookworm-updates',
    'http://mirror.example/debian-security bookworm-security',
  ])
})

test('without updates only what came out first counts, and what rolls has none', async () => {
  assert.equal(await suitesOf({ updates: false }), ['http://mirror.example/debian bookworm'])
  assert.equal(await suitesOf({ release: 'sid' }), ['http://mirror.example/debian sid'])
})

test("the class's mirror goes before the farm's, a snapshot before both", async () => {
  const own = { mirror: 'http://own.example/debian', updates: false }
  assert.equal(await suitesOf(own), ['http://own.example/debian bookworm'])
  assert.equal(await suitesOf({ ...own, snapshot: '20261101T000000Z' }), [
    'https://snapshot.debian.org/archive/debian/20261101T000000Z bookworm',
  ])
  const security = { ...settings, securityMirror: 'http://security.example/debian-security' }
  assert.is((await suitesOf({}, security)).at(-1), 'http://security.example/debian-security bookworm-security')
})

test.run()
