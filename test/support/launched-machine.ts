/** A machine that `hotblock launch` boots from an overlay over a published image. */
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import type { MadeImage } from '../../builder/make/maker.ts'
import { launchOn, overlaysOf, sha256 } from './launches.ts'
import { fetchOn, publishOn, withMesh } from './nodes.ts'

const MACHINE = ['-accel', 'tcg', '-m', '512', '-nodefaults', '-no-user-config', '-display', 'none', '-no-reboot']
const DEVICES = ['-monitor', 'none', '-nic', 'none', '-serial', 'stdio', '-device', 'virtio-rng-pci']
/** The first process of the system: when it ends, the kernel panics, and qemu ends. */
const INIT = '/usr/sbin/hotblock-test-init'

/** What the image needs for bootFromOverlay. It writes to its disk, and says what it finds there. */
export const INIT_FILE = {
  path: INIT,
  mode: 0o755,
  content: Buffer.from(`#!/bin/sh
mount -o remount,rw /
cat /left 2>/dev/null || echo hotblock-$((40+2))-fresh
echo hotblock-$((40+2))-used > /left
cat /left
sync
mount -o remount,ro /
`),
}

/** Publishes an image with its kernel, fetches it elsewhere, and boots it there from an overlay; the image stays as it is. */
export async function bootFromOverlay(made: MadeImage, top: string): Promise<void> {
  await withMesh(join(top, 'mesh'), 1, async ({ builder, workers: [worker] }) => {
    const { home } = worker!
    await publishOn(builder, made.file, 'system')
    await publishOn(builder, made.kernel!, 'system.kernel')
    await publishOn(builder, made.initrd!, 'system.initrd')
    const { path } = await fetchOn(worker!, 'system')
    const before = await sha256(path)
    const append = `root=/dev/vda ro console=ttyS0 panic=-1 init=${INIT}`
    const kernel = ['-kernel', '{kernel}', '-initrd', '{initrd}', '-append', append]
    const disk = ['-drive', 'file={},format={format},if=virtio']
    const flags = ['--with', 'kernel=system.kernel', '--with', 'initrd=system.initrd', '--timeout', '60']
    const command = ['qemu-system-x86_64', ...MACHINE, ...DEVICES, ...kernel, ...disk]
    const { status, stdout, stderr } = await launchOn(home, 'system', flags, command).end
    assert.is(status, 0, stderr)
    assert.match(stdout.slice(-3000), /hotblock-42-fresh[\s\S]*hotblock-42-used/)
    assert.is(await sha256(path), before, 'the cached image has its bytes')
    assert.equal(await overlaysOf(home), [])
  })
}
