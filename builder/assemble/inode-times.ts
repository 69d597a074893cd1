import { open } from 'node:fs/promises'
import { inodeTables } from '../../node/cutters/ext4/groups.ts'
import { readSuperblock } from '../../node/cutters/ext4/superblock.ts'
import { fileReader } from '../../node/cutters/reading.ts'
import { HotblockError } from '../../protocols/errors.ts'
import { crc32c } from './crc32c.ts'

/**
 * mke2fs -d copies the times of access and of change from the source's inodes, which nobody can set. Here they become the
 * time of modification, in every inode that is in use. Layout: Linux, Documentation/filesystems/ext4/inodes.rst.
 */

const SUPERBLOCK_AT = 1024
const UUID_AT = 0x68
const UUID_BYTES = 16
const INODE = { atime: 0x8, ctime: 0xc, mtime: 0x10, generation: 0x64, checksumLow: 0x7c, extraBytes: 0x80 } as const
const EXTRA = { checksumHigh: 0x82, ctime: 0x84, mtime: 0x88, atime: 0x8c, created: 0x90, createdExtra: 0x94 } as const
const INODE_BYTES = 256
const EXTRA_BYTES_MIN = 28

/** @param base first byte of the file system in the file */
export async function levelInodeTimes(path: string, base: number, bytes: number): Promise<void> {
  const file = await open(path, 'r+')
  try {
    const reader = fileReader(file, base + bytes)
    const fs = await readSuperblock(reader, base, base + bytes)
    if (fs === undefined || fs.inodeBytes !== INODE_BYTES) throw new HotblockError('INTERNAL', 'no file system of ours')
    const uuid = await reader.read(base + SUPERBLOCK_AT + UUID_AT, UUID_BYTES)
    const seed = crc32c(0xffffffff, uuid)
    for await (const table of inodeTables(reader, fs)) {
      const length = table.count * INODE_BYTES
      const inodes = Buffer.from(await reader.read(table.offset, length))
      for (let i = 0; i < table.count; i++) {
        levelInode(inodes.subarray(i * INODE_BYTES, (i + 1) * INODE_BYTES), table.firstInode + i, seed)
      }
      await file.write(inodes, 0, length, table.offset)
    }
    await file.datasync()
  } finally {
    await file.close()
  }
}

function levelInode(inode: Buffer, number: number, seed: number): void {
  const mode = inode.readUInt16LE(0)
  if (mode === 0 || inode.readUInt16LE(INODE.extraBytes) < EXTRA_BYTES_MIN) return
  const mtime = inode.readUInt32LE(INODE.mtime)
  const mtimeExtra = inode.readUInt32LE(EXTRA.mtime)
  for (const at of [INODE.atime, INODE.ctime, EXTRA.created]) inode.writeUInt32LE(mtime, at)
  for (const at of [EXTRA.atime, EXTRA.ctime, EXTRA.createdExtra]) inode.writeUInt32LE(mtimeExtra, at)
  inode.writeUInt16LE(0, INODE.checksumLow)
  inode.writeUInt16LE(0, EXTRA.checksumHigh)
  const head = Buffer.alloc(8)
  head.writeUInt32LE(number, 0)
  inode.copy(head, 4, INODE.generation, INODE.generation + 4)
  const sum = crc32c(crc32c(seed, head), inode)
  inode.writeUInt16LE(sum & 0xffff, INODE.checksumLow)
  inode.writeUInt16LE(sum >>> 16, EXTRA.checksumHigh)
}
