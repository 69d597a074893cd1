import { copyFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { printable } from '../../node/printable.ts'
import { HotblockError } from '../../protocols/errors.ts'
import { findTool, requireFile } from '../make/tools.ts'
import type { Workspace } from '../make/workspace.ts'
import { comma, QEMU } from './qemu.ts'

const FIRMWARE = '/usr/share/OVMF/OVMF_CODE_4M.fd'
const FIRMWARE_SETTINGS = '/usr/share/OVMF/OVMF_VARS_4M.fd'
const MEMORY_MIB = 1024
/** What is kept of a console, and what of it stands in a message. */
const CONSOLE_CHARACTERS_MAX = 2 * 1024 * 1024
const LAST_LINES = 12

/** The prompt that comes when everything else is up. */
const READY = /(^|\n|\r)[^\r\n]{0,80}\blogin: ?/
/** It will not come any more. */
const HOPELESS =
  /Kernel panic|emergency mode|Give root password for maintenance|\(initramfs\)|Press Enter for maintenance|doesn't have requested|job control turned off/
/** The machine's KVM is there and cannot run this guest, as in some nested ones. */
const KVM_GAVE_OUT = /KVM internal error|KVM: entry failed|failed to initialize kvm|kvm run failed/i
/** Sequences that only a terminal understands. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const TERMINAL = /\u001b(\[[0-9;?]*[A-Za-z]|[()][A-Z0-9]|[A-Z=>])/g

export interface BootJob {
  readonly space: Workspace
  readonly scratch: string
  readonly disk: string
  readonly format: 'raw' | 'qcow2'
  /** Started by qemu itself; without it the firmware looks for a boot loader on the disk. */
  readonly direct?: { readonly kernel: string; readonly initrd: string; readonly commandLine: string }
  readonly kvm: boolean
  readonly seconds: number
  /** Where the serial console's log is kept. */
  readonly console: string
  readonly log: (line: string) => void
  readonly signal: AbortSignal
}

/**
 * Starts an image in qemu and waits for its login prompt on the serial line. All that the guest writes goes to a
 * temporary overlay: the image's bytes stay. The guest has no network.
 * @returns false where KVM gave out, which says nothing of the image
 * @throws NO_BOOT with the console's last lines; CANCELLED, TOOL_MISSING
 */
export async function bootImage(job: BootJob): Promise<boolean> {
  const { space, scratch, kvm, seconds, direct } = job
  const qemu = await findTool(QEMU)
  const drive = `file=${comma(job.disk)},format=${job.format},if=virtio,snapshot=on,discard=ignore`
  const args = [
    ...['-accel', kvm ? 'kvm' : 'tcg', '-m', String(MEMORY_MIB), '-smp', '1', '-nodefaults', '-no-user-config'],
    ...['-display', 'none', '-monitor', 'none', '-serial', 'stdio', '-no-reboot', '-nic', 'none', '-drive', drive],
    ...['-device', 'virtio-rng-pci'],
    ...(direct === undefined ? await firmware(scratch) : directly(direct)),
  ]
  const found = new AbortController()
  let text = ''
  let ready = false
  let decided = false
  let gaveOut = false
  const onOutput = (piece: string) => {
    text = (text + piece).slice(-CONSOLE_CHARACTERS_MAX)
    if (decided) return
    const recent = text.slice(-4096).replaceAll(TERMINAL, '')
    ready = READY.test(recent)
    gaveOut = kvm && KVM_GAVE_OUT.test(recent)
    decided = ready || gaveOut || HOPELESS.test(recent)
    if (decided) found.abort()
  }
  let end = 'it ended by itself'
  try {
    const signal = AbortSignal.any([job.signal, found.signal])
    const env = { TMPDIR: scratch }
    const ran = await space.run(qemu, args, {
      label: 'qemu',
      log: (line) => job.log(`console: ${plain(line)}`),
      onOutput,
      signal,
      env,
      timeoutMs: seconds * 1000,
    })
    end = `qemu ended with status ${ran.status}`
  } catch (error) {
    const code = error instanceof HotblockError ? error.code : undefined
    if (job.signal.aborted || !(code === 'CANCELLED' || code === 'TIMEOUT')) throw error
    end = code === 'TIMEOUT' ? `no login prompt came within ${seconds} s` : 'it stopped'
  } finally {
    text = text.replaceAll(TERMINAL, '').replaceAll('\r', '')
    await writeFile(job.console, text)
  }
  if (ready) return true
  if (gaveOut) return false
  const lines = text
    .split('\n')
    .map(plain)
    .filter((line) => line !== '')
  const last = lines.slice(-LAST_LINES)
  const tellTale = lines.findLast((line) => HOPELESS.test(line)) ?? last.at(-1) ?? 'nothing was written to the console'
  throw new HotblockError('NO_BOOT', `the image did not come up (${end}): ${tellTale}`, { lines: last.join('\n') })
}

/** A line as it can be shown. */
function plain(line: string): string {
  return printable(line.replaceAll(TERMINAL, '').trimEnd())
}

function directly(direct: NonNullable<BootJob['direct']>): string[] {
  // A panic ends qemu at once, in place of standing still.
  const append = `${direct.commandLine} panic=-1`
  return ['-kernel', direct.kernel, '-initrd', direct.initrd, '-append', append]
}

async function firmware(scratch: string): Promise<string[]> {
  const code = await requireFile(FIRMWARE, 'ovmf')
  const settings = join(scratch, 'firmware-settings.fd')
  await copyFile(await requireFile(FIRMWARE_SETTINGS, 'ovmf'), settings)
  return [
    ...['-machine', 'q35', '-drive', `if=pflash,format=raw,readonly=on,file=${code}`],
    ...['-drive', `if=pflash,format=raw,file=${comma(settings)}`],
  ]
}
