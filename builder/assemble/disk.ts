import { HotblockError } from '../../protocols/errors.ts'
import type { Workspace } from '../make/workspace.ts'
import type { Ext4Place } from './ext4.ts'

/** A disk that firmware boots from: GPT, an EFI system partition, the root file system. All places are constant. */

const MIB = 1024 ** 2
const SECTOR_BYTES = 512
const DISK_GUID = '1D8E5B4C-90A2-4F7E-8C33-686F74626C6B'
const ESP_GUID = '2E7F6A5D-81B3-4A6F-9D44-686F74626C6B'
const ROOT_GUID = '3F6A795E-72C4-4B5A-AE55-686F74626C6B'
const ESP_TYPE = 'C12A7328-F81F-11D2-BA4B-00A0C93EC93B'
const ROOT_TYPES: Readonly<Record<string, string>> = {
  amd64: '4F68BCE3-E8CD-4DB1-96E7-FBCAF984B709',
}
const ESP_VOLUME = '686f7462'
/** With fewer clusters than 65,525 a file system is no FAT32, whatever it says of itself. */
const CLUSTER_SECTORS = '4'

export const ESP = { offset: MIB, bytes: 256 * MIB } as const
const ROOT_OFFSET = ESP.offset + ESP.bytes
/** The second copy of the table, at the end of the disk. */
const TAIL_BYTES = MIB

/** Where the root file system of a disk of so many bytes lies. @throws BAD_CONFIG */
export function rootPlace(file: string, bytes: number): Ext4Place {
  const rootBytes = bytes - ROOT_OFFSET - TAIL_BYTES
  if (rootBytes < MIB) {
    throw new HotblockError('BAD_CONFIG', 'an image that UEFI boots has at least 300 MiB', { field: 'imageBytes' })
  }
  return { file, offset: ROOT_OFFSET, bytes: rootBytes }
}

export async function writePartitions(space: Workspace, file: string, bytes: number, arch: string): Promise<void> {
  const root = rootPlace(file, bytes)
  const sectors = (count: number) => count / SECTOR_BYTES
  const table = [
    'label: gpt',
    `label-id: ${DISK_GUID}`,
    'unit: sectors',
    `first-lba: ${sectors(MIB)}`,
    '',
    partition(sectors(ESP.offset), sectors(ESP.bytes), ESP_TYPE, ESP_GUID, 'EFI'),
    partition(sectors(root.offset), sectors(root.bytes), ROOT_TYPES[arch] ?? ROOT_TYPES.amd64 ?? '', ROOT_GUID, 'root'),
    '',
  ]
  await space.ok('sfdisk', ['--quiet', '--no-reread', '--no-tell-kernel', file], { input: table.join('\n') })
}

/** Puts one program there that firmware starts by itself. @param name BOOTX64.EFI */
export async function writeEsp(
  space: Workspace,
  file: string,
  program: string,
  name: string,
  epoch: number,
): Promise<void> {
  const env = { SOURCE_DATE_EPOCH: String(epoch), MTOOLS_SKIP_CHECK: '1', MTOOLSRC: '/dev/null', TZ: 'UTC' }
  const sectors = String(ESP.offset / SECTOR_BYTES)
  const kib = String(ESP.bytes / 1024)
  const format = ['-F', '32', '-s', CLUSTER_SECTORS, '-i', ESP_VOLUME, '--offset', sectors]
  // Without a label: its entry would have the time of day.
  await space.ok('mkfs.fat', [...format, file, kib], { env })
  const image = `${file}@@${ESP.offset}`
  await space.ok('touch', [`--date=@${epoch}`, program])
  for (const path of ['::/EFI', '::/EFI/BOOT']) await space.ok('mmd', ['-i', image, path], { env })
  await space.ok('mcopy', ['-m', '-i', image, program, `::/EFI/BOOT/${name}`], { env })
}

function partition(start: number, size: number, type: string, guid: string, name: string): string {
  return `start=${start}, size=${size}, type=${type}, uuid=${guid}, name="${name}"`
}
