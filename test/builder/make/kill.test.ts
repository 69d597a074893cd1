/** A farm that is killed in the middle of a build leaves nothing mounted and nothing running; the next one goes on. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { globSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { catalogOf, configOf, TINY } from '../../support/catalog.ts'
import { maker } from '../../support/making.ts'
import { ROOT } from '../../support/sources.ts'
import { withDirectory } from '../../support/temporary.ts'
import { testBuild, tool } from '../../support/tools.ts'

const GONE_MS_MAX = 5000

testBuild('kill -9', async () => {
  await withDirectory(async (top) => {
    const directory = join(top, 'maker')
    const child = spawn(process.execPath, [join(ROOT, 'test/support/maker-child.ts'), top, directory], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    await once(child.stdout, 'data')
    assert.ok(running())
    assert.ok(mountedSomewhere(directory))
    child.kill('SIGKILL')
    await once(child, 'exit')
    const until = performance.now() + GONE_MS_MAX
    while (performance.now() < until && (running() || mountedSomewhere(directory))) {
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
    assert.is(running(), false)
    assert.is(mountedSomewhere(directory), false)
    const stages = join(directory, 'stages')
    assert.ok(readdirSync(stages).some((name) => name.startsWith('draft-')))

    const next = maker(top, catalogOf(TINY), { directory })
    const image = await next.build(configOf({ class: 'tiny', script: 'true' }))
    assert.equal(
      image.stages.map(({ stage, hit }) => [stage, hit]),
      [
        ['base', true],
        ['custom', false],
      ],
    )
    assert.not.ok(readdirSync(stages).some((name) => name.startsWith('draft-')))
  })
})

function running(): boolean {
  return tool('ps', ['-eo', 'args']).includes('sleep 3000')
}

/** In the mount namespace of any process. */
function mountedSomewhere(directory: string): boolean {
  return globSync('/proc/[0-9]*/mountinfo').some((path) => {
    try {
      return readFileSync(path, 'utf8').includes(directory)
    } catch {
      return false
    }
  })
}

test.run()
