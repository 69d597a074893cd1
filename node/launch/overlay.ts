/** Copy-on-write overlays: what a machine writes goes there, and never to the image. */
import { chmod, constants, copyFile, rm } from 'node:fs/promises'
import { HotblockError } from '../../protocols/errors.ts'
import { firstLine, runTool } from './tool.ts'

export const OVERLAY_KINDS = ['auto', 'qcow2', 'reflink'] as const
/** auto: reflink where the file system can, else qcow2. */
export type OverlayKind = (typeof OVERLAY_KINDS)[number]

export interface Overlay {
  readonly path: string
  /** As qemu names it: raw or qcow2; tar and tar.gz where the image is one. */
  readonly format: string
  readonly kind: 'qcow2' | 'reflink'
}

export interface OverlaySource {
  readonly path: string
  /** Of the image's table. qemu is told, and never guesses: a raw disk's own bytes could look like another format. */
  readonly format: string
}

const QEMU = { debianPackage: 'qemu-utils' }
const DISKS = new Set(['raw', 'qcow2'])

/**
 * Makes an overlay over an image.
 * @param path absolute; nothing is there yet
 * @throws BAD_FILE where the image is no disk, or leads to other files; NO_SPACE; TOOL_MISSING, TOOL_FAILED
 */
export async function makeOverlay(image: OverlaySource, kind: OverlayKind, path: string): Promise<Overlay> {
  if (image.format === 'qcow2') await refuseReferences(image)
  if (kind !== 'qcow2') {
    if (await reflink(image.path, path)) return { path, format: image.format, kind: 'reflink' }
    if (kind === 'reflink') {
      const message = `no reflink of ${image.path} at ${path}: the file system cannot, or they are on different ones`
      throw new HotblockError('BAD_FILE', message, { path })
    }
  }
  if (!DISKS.has(image.format)) {
    throw new HotblockError('BAD_FILE', `a ${image.format} is no disk that qemu could put an overlay on: ${image.path}`)
  }
  const made = await runTool(
    'qemu-img',
    ['create', '-q', '-f', 'qcow2', '-F', image.format, '-b', image.path, path],
    QEMU,
  )
  if (made.status !== 0) {
    await rm(path, { force: true })
    throw new HotblockError('TOOL_FAILED', `qemu-img made no overlay: ${firstLine(made)}`, { path })
  }
  await chmod(path, 0o600)
  return { path, format: 'qcow2', kind: 'qcow2' }
}

async function reflink(from: string, to: string): Promise<boolean> {
  try {
    await copyFile(from, to, constants.COPYFILE_FICLONE_FORCE | constants.COPYFILE_EXCL)
  } catch (error) {
    await rm(to, { force: true })
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT' || code === 'EACCES' || code === 'EROFS' || code === 'ENOSPC') throw error
    return false
  }
  // The image is read-only, and so is a clone of it.
  await chmod(to, 0o600)
  return true
}

/** A qcow2 can name other files of this machine as the place of its bytes; qemu would open them. */
async function refuseReferences({ path }: OverlaySource): Promise<void> {
  const info = await runTool('qemu-img', ['info', '--force-share', '--output=json', '-f', 'qcow2', path], QEMU)
  if (info.status !== 0) throw new HotblockError('BAD_FILE', `no qcow2: ${firstLine(info)}`, { path })
  const about = JSON.parse(info.stdout) as {
    'backing-filename'?: unknown
    'format-specific'?: { data?: { 'data-file'?: unknown } }
  }
  if (about['backing-filename'] !== undefined || about['format-specific']?.data?.['data-file'] !== undefined) {
    throw new HotblockError('BAD_FILE', `the image refers to another file, which a machine of it would open: ${path}`, {
      path,
    })
  }
}
