import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { openWorkspace } from '../../../builder/make/workspace.ts'
import { btrfsStaging } from '../../../builder/staging/btrfs.ts'
import { chooseStaging, works } from '../../../builder/staging/choose.ts'
import { copyStaging } from '../../../builder/staging/copies.ts'
import { overlayStaging } from '../../../builder/staging/overlay.ts'
import { rejectsCode } from '../../support/failures.ts'
import { withFileSystem } from '../../support/file-systems.ts'
import { withDirectory } from '../../support/temporary.ts'
import { testBuild } from '../../support/tools.ts'
import { conforms } from './conformance.ts'

/** Everything on a file system of its own, so that what this machine's can do does not matter. */
const on = (kind: string) => (use: (place: string) => Promise<void>) =>
  withDirectory(async (directory) => {
    await withFileSystem(kind, directory, async (root) => {
      const place = join(root, 'place')
      mkdirSync(place)
      await use(place)
    })
  })

conforms(overlayStaging, on('ext4'))
conforms(btrfsStaging, on('btrfs'))
conforms(copyStaging('reflink'), on('xfs'))
conforms(copyStaging('copy'), on('ext4'))

testBuild('the quickest way that the file system has is chosen; one that it has not is refused', async () => {
  for (const [kind, chosen] of [
    ['ext4', 'overlayfs'],
    ['btrfs', 'btrfs'],
  ] as const) {
    await on(kind)(async (place) => {
      const space = await openWorkspace(new AbortController().signal)
      try {
        assert.is((await chooseStaging(place, space)).kind, chosen)
        assert.is((await chooseStaging(place, space, 'copy')).kind, 'copy')
        if (kind === 'btrfs') return
        assert.is(await works(copyStaging('reflink'), place, space), false)
        await rejectsCode('TOOL_FAILED', chooseStaging(place, space, 'btrfs'))
      } finally {
        await space.close()
      }
    })
  }
})

test.run()
