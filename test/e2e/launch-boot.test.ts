/** A Debian system, made by the farm's maker and published with its kernel, boots from overlays over the cached image. */

import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { catalogOf, configOf, TINY } from '../support/catalog.ts'
import { launchOn, overlaysOf, sha256 } from '../support/launches.ts'
import { maker } from '../support/making.ts'
import { fetchOn, publishOn, withMesh } from '../support/nodes.ts'
import { withDirectory } from '../support/temporary.ts'
import { testBuild } from '../support/tools.ts'

const MIB = 1024 ** 2
const MACHINE = ['-accel', 'tcg', '-m', '512', '-nodefaults', '-no-user-config', '-display', 'none', '-no-reboot']
const DEVICES = ['-monitor', 'none', '-nic', 'none', '-serial', 'stdio', '-device', 'virtio-rng-pci']
/** Says what an earlier run has left on the disk, leaves something itself, and ends: a panic without reboot ends qemu. */
const INIT = `#!/bin/sh
mount -o remount,rw /
cat /left 2>/dev/null || echo hotblock-$((40+2))-fresh
echo hotblock-$((40+2))-used > /left
cat /left
sync
mount -o remount,ro /
`

testBuild('a machine boots from the overlay, and writes to it alone', () =>
  withDirectory(async (top) => {
    const files = [{ path: '/usr/sbin/marker', mode: 0o755, content: INIT }]
    const config = configOf({ class: 'tiny', fileType: '.img', imageBytes: 900 * MIB, files, boot: 'direct' })
    const made = await maker(top, catalogOf(TINY)).build(config)
    console.time('rest')
    await withMesh(top, 1, async ({ builder, workers: [worker] }) => {
      await publishOn(builder, made.path, 'tiny')
      await publishOn(builder, made.kernel!, 'tiny.kernel')
      await publishOn(builder, made.initrd!, 'tiny.initrd')
      const { path } = await fetchOn(worker!, 'tiny')
      const before = await sha256(path)
      const root = 'root=/dev/vda ro console=ttyS0 panic=-1 init=/usr/sbin/marker'
      const kernel = ['-kernel', '{kernel}', '-initrd', '{initrd}', '-append', root]
      const disk = ['-drive', 'file={},format={format},if=virtio']
      const command = ['qemu-system-x86_64', ...MACHINE, ...DEVICES, ...kernel, ...disk]
      const flags = ['--with', 'kernel=tiny.kernel', '--with', 'initrd=tiny.initrd', '--timeout', '60']
      const { status, stdout, stderr } = await launchOn(worker!.home, 'tiny', flags, command).end
      const said = stdout.slice(-3000)
      assert.is(status, 0, stderr)
      assert.match(said, /hotblock-42-fresh/)
      assert.match(said, /hotblock-42-used/)
      assert.is(await sha256(path), before, 'the cached image has its bytes')
      assert.equal(await overlaysOf(worker!.home), [])
    })
    console.timeEnd('rest')
  }),
)

test.run()
