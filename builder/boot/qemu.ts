import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { findTool, type Tool } from '../make/tools.ts'
import type { Workspace } from '../make/workspace.ts'

/** Can the machine run guests of its own kind with KVM? The device may be there and not work: a guest is tried. */

const PROBE_MS_MAX = 10_000
const SECTOR_BYTES = 512
/** mov al,0x10; out 0xf4,al; hlt: with isa-debug-exit the guest's end is status 0x10 * 2 + 1. */
const PROGRAM = [0xb0, 0x10, 0xe6, 0xf4, 0xf4]
const STATUS = 33

export const QEMU: Tool = 'qemu-system-x86_64'

export async function kvmWorks(space: Workspace, scratch: string): Promise<boolean> {
  const disk = join(scratch, 'probe.disk')
  const sector = Buffer.alloc(SECTOR_BYTES)
  sector.set(PROGRAM)
  sector.set([0x55, 0xaa], SECTOR_BYTES - 2)
  await writeFile(disk, sector)
  const args = ['-accel', 'kvm', '-nodefaults', '-display', 'none', '-no-reboot', '-m', '16']
  const devices = [
    '-device',
    'isa-debug-exit,iobase=0xf4,iosize=0x04',
    '-drive',
    `file=${comma(disk)},format=raw,if=ide`,
  ]
  try {
    const ran = await space.run(await findTool(QEMU), [...args, ...devices], { timeoutMs: PROBE_MS_MAX })
    return ran.status === STATUS
  } catch {
    return false
  }
}

/** In qemu's options a comma ends a value; two are one. */
export function comma(path: string): string {
  return path.replaceAll(',', ',,')
}
