/**
 * Images are booted before they are called ready: with their kernel beside them. One that does not come up is none; one
 * that does boots on a worker too, from an overlay over the image that was fetched.
 */
import { readFileSync } from 'node:fs'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { catalogOf, configOf, TINY } from '../../support/catalog.ts'
import { rejectsCode } from '../../support/failures.ts'
import { bootFromOverlay, INIT_FILE } from '../../support/launched-machine.ts'
import { maker } from '../../support/making.ts'
import { withDirectory } from '../../support/temporary.ts'
import { testBuild } from '../../support/tools.ts'

const MIB = 1024 ** 2

testBuild('a good one comes up, also by hotblock launch; a broken one is no image', async () => {
  await withDirectory(async (top) => {
    const one = maker(top, catalogOf(TINY))
    const config = configOf({ class: 'tiny', fileType: '.img', imageBytes: 900 * MIB, files: [INIT_FILE] })
    const direct = await one.build({ ...config, boot: 'direct' })
    assert.match(readFileSync(direct.console ?? '', 'utf8'), /localhost login:/)
    assert.ok(readFileSync(direct.kernel ?? '').length > 4 * MIB)
    assert.ok(readFileSync(direct.initrd ?? '').length > 4 * MIB)
    assert.equal(
      direct.progress.map(({ phase, text }) => `${phase} ${text}`),
      [
        'resolve versions of packages',
        'stage base',
        'stage boot',
        'stage custom',
        'assemble .img file',
        'boot direct',
        'done ',
      ],
    )
    assert.ok(direct.progress.every(({ fraction }, i, all) => fraction >= (all[i - 1]?.fraction ?? 0)))

    await bootFromOverlay(direct, top)

    const broken = one.build({ ...config, boot: 'direct', script: 'rm -rf /sbin/init /lib/systemd' })
    const failure = await rejectsCode('NO_BOOT', broken)
    assert.match(failure.message, /^the image did not come up \(.*(panic|initramfs|init)/i)
    assert.ok(String(failure.data.lines).split('\n').length > 3)
  })
})

test.run()
