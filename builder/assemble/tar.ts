import type { Workspace } from '../make/workspace.ts'

/**
 * Writes a tree as a tar: members in the order of their names, owners as numbers, extended attributes, no times but the
 * files' own. Nothing of the machine or the moment is in it.
 */
export async function writeTar(space: Workspace, tree: string, file: string, log: (line: string) => void) {
  const args = [
    '--create',
    `--file=${file}`,
    `--directory=${tree}`,
    '--sort=name',
    '--numeric-owner',
    '--format=posix',
    '--pax-option=exthdr.name=%d/PaxHeaders/%f,delete=atime,delete=ctime',
    '--xattrs',
    '--xattrs-include=security.capability',
    '--xattrs-include=user.*',
    '--no-acls',
    '--no-selinux',
    '--one-file-system',
    '--force-local',
    '--',
    '.',
  ]
  await space.ok('tar', args, { log })
}
