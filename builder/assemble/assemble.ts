import { open, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { ImageConfig } from '../config/image-config.ts'
import type { Tool } from '../make/tools.ts'
import type { Workspace } from '../make/workspace.ts'
import { rootPlace, writeEsp, writePartitions } from './disk.ts'
import { ROOT_UUID, writeExt4 } from './ext4.ts'
import { writeTarGz } from './gzip.ts'
import { type ExportedKernel, exportKernel, findKernel, osRelease } from './kernel.ts'
import { writeTar } from './tar.ts'
import { efiName, writeUki } from './uki.ts'

const MIB = 1024 ** 2
/** Where a request leaves the size open: as much again as the files take, and some room. */
const ROOM_BYTES = 256 * MIB

export interface AssembleJob {
  readonly space: Workspace
  /** The finished tree, inside the workspace. */
  readonly tree: string
  readonly epoch: number
  readonly arch: string
  /** Where results go. */
  readonly directory: string
  readonly scratch: string
  readonly log: (line: string) => void
  readonly signal: AbortSignal
}

export interface Assembled {
  readonly file: string
  readonly kernel?: string
  readonly initrd?: string
  /** What the kernel has to be told, where it is started without the image's help. */
  readonly commandLine: string
}

/** For people and programs at the other end of a serial line, and on a screen. */
export const COMMAND_LINE = `root=UUID=${ROOT_UUID} rw console=tty0 console=ttyS0,115200`

export function assemblyTools({ fileType, boot }: Pick<ImageConfig, 'fileType' | 'boot'>): Tool[] {
  const isDisk = fileType === '.img' || fileType === '.qcow2'
  return [
    'tar',
    ...(isDisk || boot !== 'none' ? (['mke2fs'] as const) : []),
    ...(fileType === '.qcow2' ? (['qemu-img'] as const) : []),
    ...(boot === 'uefi' ? (['sfdisk', 'mkfs.fat', 'mmd', 'mcopy', 'objcopy', 'objdump'] as const) : []),
  ]
}

/** Makes the image's file, and what is beside it. The same tree and epoch give the same bytes. */
export async function assemble(
  config: Pick<ImageConfig, 'fileType' | 'boot' | 'imageBytes'>,
  job: AssembleJob,
): Promise<Assembled> {
  const { space, tree, directory, log, signal } = job
  const file = join(directory, `image${config.fileType}`)
  const beside = config.boot === 'none' ? undefined : await exported(job)
  const done = { file, ...beside, commandLine: COMMAND_LINE }
  switch (config.fileType) {
    case '.tar':
      await writeTar(space, tree, file, log)
      return done
    case '.tar.gz': {
      const tar = join(job.scratch, 'image.tar')
      await writeTar(space, tree, tar, log)
      await writeTarGz(tar, file, signal)
      await rm(tar)
      return done
    }
    case '.img':
      await writeDisk(config, job, file, beside)
      return done
    case '.qcow2': {
      const raw = join(job.scratch, 'image.img')
      await writeDisk(config, job, raw, beside)
      // One coroutine writes clusters in the order of the disk; uncompressed, as equal clusters are to be equal bytes.
      const options = ['-o', 'compat=1.1,cluster_size=65536,lazy_refcounts=off,preallocation=off', '-m', '1']
      await space.ok('qemu-img', ['convert', '-f', 'raw', '-O', 'qcow2', ...options, raw, file])
      await rm(raw)
      return done
    }
  }
}

/** A raw disk of the tree: the file system alone, or with all that UEFI needs. */
export async function writeDisk(
  { boot, imageBytes }: Pick<ImageConfig, 'boot' | 'imageBytes'>,
  job: AssembleJob,
  file: string,
  beside: ExportedKernel | undefined,
): Promise<void> {
  const { space, tree, arch, epoch, scratch, log } = job
  const bytes = imageBytes > 0 ? imageBytes : await sizeFor(job, boot)
  const part = `${file}.part`
  const handle = await open(part, 'wx')
  try {
    await handle.truncate(bytes)
  } finally {
    await handle.close()
  }
  if (boot === 'uefi') {
    const { kernel, initrd } = beside ?? (await exported({ ...job, directory: scratch }))
    const release = await osRelease(space.outside(tree))
    await writePartitions(space, part, bytes, arch)
    const parts = { kernel, initrd, commandLine: COMMAND_LINE, osRelease: release }
    const program = await writeUki(space, arch, parts, scratch)
    await writeEsp(space, part, program, efiName(arch), epoch)
    await rm(program)
    await writeExt4(space, tree, rootPlace(part, bytes), epoch, scratch, log)
  } else {
    await writeExt4(space, tree, { file: part, offset: 0, bytes }, epoch, scratch, log)
  }
  await rename(part, file)
}

async function exported({ space, tree, directory }: AssembleJob) {
  const outside = space.outside(tree)
  return exportKernel(outside, await findKernel(outside), directory)
}

async function sizeFor({ space, tree }: AssembleJob, boot: ImageConfig['boot']): Promise<number> {
  const used = Number.parseInt(await space.ok('du', ['--summarize', '--one-file-system', '--block-size=1', tree]), 10)
  const besides = boot === 'uefi' ? 2 * ROOM_BYTES : ROOM_BYTES
  return Math.ceil((used * 2 + besides) / (64 * MIB)) * 64 * MIB
}
