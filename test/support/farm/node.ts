/** A node for tests of queue and pages: keeps what is published as files of a directory. */
import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { copyFile, mkdir, readFile, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { FarmNode } from '../../../builder/farm.ts'
import { STATUS } from '../fake-api.ts'

export interface TestNode extends FarmNode {
  /** Name and configuration's key of each publication. */
  readonly published: { name: string; key: string; root: string }[]
}

export function createNode(directory: string): TestNode {
  const published: TestNode['published'] = []
  const path = (root: string): string => join(directory, root)
  return {
    published,
    api: {
      status: async () => STATUS,
      images: async () => [],
      peers: async () => [],
      async remove(root) {
        await rm(path(root))
        return { name: root, freedBytes: 1 }
      },
    },
    imagePath: (root) => (existsSync(path(root)) ? path(root) : undefined),
    place: (root, output) => copyFile(path(root), output),
    async publish(file, name, key, progress) {
      await mkdir(directory, { recursive: true })
      const root = `b${createHash('sha256')
        .update(await readFile(file))
        .digest('hex')
        .slice(0, 20)}`
      progress(0.5)
      await rename(file, path(root))
      published.push({ name, key, root })
      return { root, sequence: published.filter((each) => each.name === name).length }
    },
  }
}
