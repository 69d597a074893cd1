import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { HotblockError } from '../../protocols/errors.ts'
import { toolFailed } from '../make/run.ts'
import type { Workspace } from '../make/workspace.ts'
import { levelInodeTimes } from './inode-times.ts'

/**
 * All images have the same: it is part of every checksum of metadata, and with it the same metadata is the same block in
 * related images. It is what the kernel finds its root by.
 */
export const ROOT_UUID = '5a2f1c0e-7d4b-4c6a-9e3d-686f74626c6b'
const HASH_SEED = '0b1f6d2a-93c4-4e57-8a61-686f74626c6b'
const BLOCK_BYTES = 4096

/** In place of the machine's own: what a file system is like is no matter of where it is made. */
const CONFIGURATION = `[defaults]
base_features = sparse_super,large_file,filetype,resize_inode,dir_index,ext_attr
default_mntopts = acl,user_xattr
enable_periodic_fsck = 0
blocksize = 4096
inode_size = 256
inode_ratio = 16384
[fs_types]
ext4 = {
  features = has_journal,extent,huge_file,flex_bg,metadata_csum,64bit,dir_nlink,extra_isize
}
`

export interface Ext4Place {
  readonly file: string
  /** First byte of the file system in the file. */
  readonly offset: number
  readonly bytes: number
}

/**
 * Makes an ext4 file system of a tree, in a file that is there and has room; zeros of it stay holes.
 * @throws BAD_CONFIG where the tree does not fit
 */
export async function writeExt4(
  space: Workspace,
  tree: string,
  place: Ext4Place,
  epoch: number,
  scratch: string,
  log: (line: string) => void,
): Promise<void> {
  const configuration = join(scratch, 'mke2fs.conf')
  await writeFile(configuration, CONFIGURATION)
  const extended = [
    `offset=${place.offset}`,
    `hash_seed=${HASH_SEED}`,
    'lazy_itable_init=0',
    'lazy_journal_init=0',
    'root_owner=0:0',
  ]
  const args = ['-q', '-F', '-t', 'ext4', '-b', String(BLOCK_BYTES), '-m', '1', '-U', ROOT_UUID]
  const where = ['-E', extended.join(','), '-d', tree, place.file, String(Math.floor(place.bytes / BLOCK_BYTES))]
  const ran = await space.run('mke2fs', [...args, ...where], {
    log,
    env: { MKE2FS_CONFIG: configuration, E2FSPROGS_FAKE_TIME: String(epoch), SOURCE_DATE_EPOCH: String(epoch) },
  })
  if (ran.status !== 0) {
    if (ran.tail.some((line) => /Could not allocate|No free space|ext2 (inode|block)/i.test(line))) {
      throw tooSmall(place.bytes)
    }
    throw toolFailed('mke2fs', ran)
  }
  await levelInodeTimes(place.file, place.offset, place.bytes)
}

export function tooSmall(bytes: number): HotblockError {
  const text = `the image is too small for its files: ${bytes / 1024 ** 2} MiB`
  return new HotblockError('BAD_CONFIG', text, { field: 'imageBytes', bytes })
}
