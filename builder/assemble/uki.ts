import { rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { HotblockError } from '../../protocols/errors.ts'
import { requireFile } from '../make/tools.ts'
import type { Workspace } from '../make/workspace.ts'

/**
 * A unified kernel image: systemd's stub with kernel, initrd and command line as sections (UAPI group, specification of
 * unified kernel images). Firmware starts it as it is, with no boot loader and no configuration.
 */

const STUBS: Readonly<Record<string, { readonly stub: string; readonly name: string }>> = {
  amd64: { stub: '/usr/lib/systemd/boot/efi/linuxx64.efi.stub', name: 'BOOTX64.EFI' },
}
const PAGE_BYTES = 4096
const SECTION = /^\s*\d+\s+(\S+)\s+([0-9a-f]{8,})\s+([0-9a-f]{8,})\s/i

export interface UkiParts {
  readonly kernel: string
  readonly initrd: string
  readonly commandLine: string
  readonly osRelease: Uint8Array
}

export function efiName(arch: string): string {
  return stubOf(arch).name
}

/** @returns path of the program, in `scratch` @throws BAD_CONFIG where the architecture has no stub; TOOL_MISSING */
export async function writeUki(space: Workspace, arch: string, parts: UkiParts, scratch: string): Promise<string> {
  const stub = await requireFile(stubOf(arch).stub, 'systemd-boot-efi')
  const [commandLine, release] = [join(scratch, 'cmdline'), join(scratch, 'os-release')]
  await writeFile(commandLine, `${parts.commandLine}\0`)
  await writeFile(release, parts.osRelease)
  const target = join(scratch, 'uki.efi')
  // Each section begins on a page after the one before; the first after the stub's last.
  let at = padded(await endOf(space, stub))
  const args: string[] = []
  for (const [name, path] of [
    ['.osrel', release],
    ['.cmdline', commandLine],
    ['.initrd', parts.initrd],
    ['.linux', parts.kernel],
  ] as const) {
    args.push('--add-section', `${name}=${path}`, '--change-section-vma', `${name}=0x${at.toString(16)}`)
    at = padded(at + (await stat(path)).size)
  }
  await space.ok('objcopy', ['--preserve-dates', '--enable-deterministic-archives', ...args, stub, target])
  for (const path of [commandLine, release]) await rm(path)
  return target
}

async function endOf(space: Workspace, stub: string): Promise<number> {
  const listing = await space.ok('objdump', ['--section-headers', '--wide', stub])
  const ends = listing.split('\n').flatMap((line) => {
    const [, , size = '', vma = ''] = SECTION.exec(line) ?? []
    return size === '' ? [] : [Number.parseInt(size, 16) + Number.parseInt(vma, 16)]
  })
  if (ends.length === 0) throw new HotblockError('TOOL_FAILED', `objdump finds no sections in ${stub}`)
  return Math.max(...ends)
}

function stubOf(arch: string) {
  const found = STUBS[arch]
  if (found === undefined) {
    throw new HotblockError('BAD_CONFIG', `images of ${arch} cannot be booted by UEFI here`, { field: 'boot' })
  }
  return found
}

function padded(bytes: number): number {
  return Math.ceil(bytes / PAGE_BYTES) * PAGE_BYTES
}
