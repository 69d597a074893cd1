import { cp, mkdir, rm, statfs } from 'node:fs/promises'
import { join } from 'node:path'
import { copyPackages, editFiles, makeImage } from '../support/images.ts'

const GIB = 1024 ** 3
/** What both images and five nodes' copies of them take on disk. */
const DISK_BYTES = 4 * GIB
const IMAGE_BYTES = 2 * GIB
/** Of every so many small files one differs in the second image. */
const EDIT_EVERY = 5

/**
 * Two related disk images of the files of this checkout's dependencies: the second has those of the first, some of them
 * changed, and more. ext4 where the machine has mke2fs, else tar.
 *
 * @returns their paths
 */
export async function makeDemoImages(
  directory: string,
  say: (text: string) => void,
  imageBytes = IMAGE_BYTES,
): Promise<string[]> {
  const { bavail, bsize } = await statfs(directory)
  if (bavail * bsize < DISK_BYTES) {
    throw new Error(
      `the demo needs ${DISK_BYTES / GIB} GiB of disk in ${directory}, and ${bavail * bsize} bytes are free`,
    )
  }
  const trees = [join(directory, 'tree-1'), join(directory, 'tree-2')] as const
  for (const tree of trees) await mkdir(tree)
  say('making two images of files of this checkout')
  await copyPackages(trees[0], [
    'node',
    'typescript',
    '@typescript',
    'libp2p',
    '@libp2p',
    '@chainsafe',
    'fastify',
    'zod',
  ])
  await cp(trees[0], trees[1], { recursive: true, verbatimSymlinks: true })
  await copyPackages(trees[1], ['@biomejs', '@lmdb', 'lmdb', '@noble', 'pino', 'undici', 'yaml'])
  const changed = await editFiles(trees[1], EDIT_EVERY)
  const images: string[] = []
  for (const [i, tree] of trees.entries()) {
    const { path, format } = await makeImage(tree, join(directory, `image-${i + 1}`), imageBytes)
    images.push(path)
    say(`  ${format} image ${i + 1}${i === 0 ? '' : `: the first one's files, ${changed} of them changed, and more`}`)
    await rm(tree, { recursive: true })
  }
  return images
}
