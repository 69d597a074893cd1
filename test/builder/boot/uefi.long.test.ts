/** A disk that firmware boots: kernel, initrd and command line as one program in the EFI partition. */
import { readFileSync } from 'node:fs'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { catalogOf, configOf, TINY } from '../../support/catalog.ts'
import { sha256Of } from '../../support/hashes.ts'
import { maker } from '../../support/making.ts'
import { withDirectory } from '../../support/temporary.ts'
import { testBuild } from '../../support/tools.ts'

const MIB = 1024 ** 2

testBuild('a qcow2 disk comes up by UEFI, and booting leaves its bytes alone', async () => {
  await withDirectory(async (top) => {
    const one = maker(top, catalogOf(TINY))
    const config = configOf({ class: 'tiny', fileType: '.qcow2', boot: 'uefi', imageBytes: 900 * MIB })
    const image = await one.build(config)
    const log = readFileSync(image.console ?? '', 'utf8')
    assert.match(log, /localhost login:/)
    assert.match(log, /EFI v2|efi: EFI/)
    const sum = sha256Of(image.file)
    const again = await one.build(config)
    assert.is(sha256Of(again.file), sum)
    assert.ok(again.stages.every(({ hit }) => hit))
  })
})

test.run()
