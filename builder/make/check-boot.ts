import { mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { type Assembled, type AssembleJob, writeDisk } from '../assemble/assemble.ts'
import { bootImage } from '../boot/boot.ts'
import { kvmWorks } from '../boot/qemu.ts'
import type { ImageConfig } from '../config/image-config.ts'
import type { Workspace } from './workspace.ts'

/** Whether guests can be run with KVM; found out once. */
export interface Kvm {
  works(space: Workspace, scratch: string): Promise<boolean>
  /** It did not work after all. */
  gaveOut(): void
}

export function openKvm(): Kvm {
  let found: Promise<boolean> | undefined
  return {
    works(space, scratch) {
      found ??= kvmWorks(space, scratch)
      return found
    },
    gaveOut() {
      found = Promise.resolve(false)
    },
  }
}

export interface BootTarget {
  readonly config: Pick<ImageConfig, 'fileType' | 'boot' | 'imageBytes'>
  readonly image: Assembled
  readonly console: string
  readonly seconds: number
}

/** Boots an image that is to be bootable. An archive is tried as a disk of the same tree. @throws NO_BOOT */
export async function checkBoot(target: BootTarget, job: AssembleJob & { readonly kvm: Kvm }): Promise<void> {
  const { config, image, console, seconds } = target
  const { space, log, signal } = job
  const scratch = join(job.scratch, 'boot')
  await mkdir(scratch)
  const isDisk = config.fileType === '.img' || config.fileType === '.qcow2'
  const { kernel, initrd, commandLine } = image
  const disk = isDisk ? image.file : join(scratch, 'disk')
  if (!isDisk) {
    const beside = kernel === undefined || initrd === undefined ? undefined : { kernel, initrd }
    await writeDisk({ boot: config.boot, imageBytes: 0 }, job, disk, beside)
  }
  const direct = config.boot === 'direct' && kernel !== undefined && initrd !== undefined
  const boot = {
    ...{ space, scratch, disk, seconds, console, log, signal },
    format: config.fileType === '.qcow2' ? ('qcow2' as const) : ('raw' as const),
    ...(direct ? { direct: { kernel, initrd, commandLine } } : {}),
  }
  const kvm = await job.kvm.works(space, scratch)
  log(`booting with ${kvm ? 'KVM' : 'TCG, as KVM does not work here'}`)
  if (!(await bootImage({ ...boot, kvm }))) {
    log('KVM gave out; booting with TCG')
    job.kvm.gaveOut()
    await bootImage({ ...boot, kvm: false })
  }
  await rm(scratch, { recursive: true })
}
