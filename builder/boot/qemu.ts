import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { findTool, type Tool } from '../make/tools.ts'
import type { Workspace } from '../make/workspace.ts'

/**
 * Can the machine run guests of its own kind with KVM? The device may be there and not work, or be slower than TCG, as
 * within some virtual machines: so a guest is tried.
 */

const PROBE_MS_MAX = 5000
const SECTOR_BYTES = 512
/**
 * mov ecx,0x4000000; dec ecx; jnz -4; mov al,0x10; out 0xf4,al; hlt: counts 67 million steps, 0.1 s of a processor.
 * With isa-debug-exit the guest's end is status 0x10 * 2 + 1.
 */
const PROGRAM = [0x66, 0xb9, 0, 0, 0, 0x04, 0x66, 0x49, 0x75, 0xfc, 0xb0, 0x10, 0xe6, 0xf4, 0xf4]
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
