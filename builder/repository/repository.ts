/**
 * The finished images of the farm, a directory each:
 *
 *     DIRECTORY/KEY/meta.json       what the image is, and the root under which its bytes lie in the node's store
 *     DIRECTORY/KEY/config.xml …    the configuration, the list of packages, kernel, initrd and logs
 *     DIRECTORY/.new-*, .old-*      what is being made or removed; a start clears them away
 *
 * An entry is made in a directory of its own, synced, and renamed into place: it is there whole or not at all. The image
 * itself is not here a second time: the store of the node keeps it as a plain file, hashes it, and repairs it.
 */
import { randomBytes } from 'node:crypto'
import { constants } from 'node:fs'
import { copyFile, mkdir, open, readdir, readFile, rename, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { syncDirectory } from '../../node/store/durable.ts'
import { Serial } from '../../node/store/serial.ts'
import { HotblockError } from '../../protocols/errors.ts'
import type { Log } from '../../protocols/ports.ts'
import { type Beside, type Entry, entrySchema } from './entry.ts'

const NEW = '.new-'
const OLD = '.old-'
const KEY = /^[0-9a-f]{64}$/

export interface RepositoryInit {
  readonly directory: string
  /** Path of a complete image's bytes by its root; undefined where the node has it no more. */
  readonly imagePath: (root: string) => string | undefined
  /** Takes an image that no entry needs any more out of the node's store. */
  readonly removeImage: (root: string) => Promise<void>
  readonly log: Log
  /** Called after each step that changes the disk; tests crash there. */
  readonly step?: (name: string) => void
}

/** What stands beside an image: text or bytes, or a file that is moved there. */
export type Content = { readonly data: string | Uint8Array } | { readonly file: string }

export interface Repository {
  /** Newest first. */
  list(): Entry[]
  get(key: string): Entry | undefined
  /** An entry whose image is on the node: it can be handed out. */
  ready(key: string): Entry | undefined
  /** @throws NO_BUILD */
  need(key: string): Entry
  /** The entry that is meant by a key, by the beginning of one, or by a name (its newest image). @throws NO_BUILD */
  find(text: string): Entry
  /** Makes an entry visible, in place of one of the same key. */
  add(entry: Omit<Entry, 'version' | 'files'>, beside: Partial<Record<Beside, Content>>): Promise<Entry>
  /** Removes an entry, and its image from the node where no other entry has it. @throws NO_BUILD */
  remove(key: string): Promise<Entry>
  /** Path of a file beside the image. @throws NO_BUILD */
  path(entry: Entry, file: Beside): string
  /** Path of the image. @throws NO_BUILD where the node has it no more */
  image(entry: Entry): string
}

export async function openRepository(init: RepositoryInit): Promise<Repository> {
  const { directory, imagePath, removeImage, log, step = () => {} } = init
  await mkdir(directory, { recursive: true, mode: 0o755 })
  const entries = await readAll(directory, log)
  const serial = new Serial()

  const need = (key: string): Entry => {
    const entry = entries.get(key)
    if (entry === undefined) throw new HotblockError('NO_BUILD', 'there is no such image in the repository', { key })
    return entry
  }
  const list = (): Entry[] => [...entries.values()].sort((a, b) => b.madeAt - a.madeAt || (a.key < b.key ? -1 : 1))

  return {
    list,
    get: (key) => entries.get(key),
    ready(key) {
      const entry = entries.get(key)
      return entry !== undefined && imagePath(entry.root) !== undefined ? entry : undefined
    },
    need,
    find(text) {
      const all = list()
      const byName = all.find(({ name }) => name === text)
      if (entries.has(text) || byName === undefined) {
        const byKey = /^[0-9a-f]{8,64}$/.test(text) ? all.filter(({ key }) => key.startsWith(text)) : []
        const [only] = byKey
        if (only !== undefined && byKey.length === 1) return only
        throw new HotblockError('NO_BUILD', `the repository has no image ${JSON.stringify(text.slice(0, 130))}`)
      }
      return byName
    },
    add: (given, beside) =>
      serial.run(async () => {
        const files = Object.keys(beside).sort()
        const entry = entrySchema.parse({ ...given, version: 1, files })
        const made = join(directory, `${NEW}${entry.key}-${randomBytes(4).toString('hex')}`)
        const place = join(directory, entry.key)
        try {
          await mkdir(made)
          step('made')
          for (const [name, content] of Object.entries(beside)) await put(join(made, name), content)
          step('files')
          await put(join(made, 'meta.json'), { data: `${JSON.stringify(entry, undefined, 2)}\n` })
          await syncDirectory(made)
          step('synced')
          await setAside(directory, entry.key)
          step('aside')
          await rename(made, place)
          await syncDirectory(directory)
        } catch (error) {
          await rm(made, { recursive: true, force: true })
          throw error
        }
        entries.set(entry.key, entry)
        step('visible')
        await clear(directory, OLD)
        return entry
      }),
    remove: (key) =>
      serial.run(async () => {
        const entry = need(key)
        const others = [...entries.values()].some((other) => other.key !== key && other.root === entry.root)
        // The image first: an entry without one is seen and can be removed, an image without an entry is forgotten.
        if (!others) await removeImage(entry.root)
        step('image removed')
        await setAside(directory, key)
        await syncDirectory(directory)
        entries.delete(key)
        step('removed')
        await clear(directory, OLD)
        return entry
      }),
    path(entry, file) {
      if (!entry.files.includes(file)) {
        throw new HotblockError('NO_BUILD', `image ${entry.name} has no ${file}`, { key: entry.key, file })
      }
      return join(directory, entry.key, file)
    },
    image(entry) {
      const path = imagePath(entry.root)
      if (path !== undefined) return path
      const message = `the image ${entry.name} is not on the node any more; ask for it again and it is made anew`
      throw new HotblockError('NO_BUILD', message, { key: entry.key, root: entry.root })
    },
  }
}

async function readAll(directory: string, log: Log): Promise<Map<string, Entry>> {
  await clear(directory, NEW)
  await clear(directory, OLD)
  const entries = new Map<string, Entry>()
  for (const name of await readdir(directory)) {
    if (!KEY.test(name)) continue
    try {
      const entry = entrySchema.parse(JSON.parse(await readFile(join(directory, name, 'meta.json'), 'utf8')))
      if (entry.key !== name) throw new Error(`is of another image: ${entry.key}`)
      entries.set(name, entry)
    } catch (error) {
      log.warn({ key: name, error: String(error) }, 'an entry of the repository cannot be read, and is left out')
    }
  }
  return entries
}

/** Moves what is there under a key out of sight, if anything is. */
async function setAside(directory: string, key: string): Promise<void> {
  await rename(join(directory, key), join(directory, `${OLD}${key}-${randomBytes(4).toString('hex')}`)).catch(
    (error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOENT') throw error
    },
  )
}

async function clear(directory: string, prefix: string): Promise<void> {
  for (const name of await readdir(directory)) {
    if (name.startsWith(prefix)) await rm(join(directory, name), { recursive: true, force: true })
  }
}

async function put(path: string, content: Content): Promise<void> {
  if ('file' in content) {
    await rename(content.file, path).catch(async (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EXDEV') throw error
      await copyFile(content.file, path, constants.COPYFILE_EXCL)
    })
    if (!(await stat(path)).isFile()) throw new HotblockError('BAD_FILE', `not a regular file: ${path}`, { path })
  }
  const handle = await open(path, 'data' in content ? 'wx' : 'r+', 0o644)
  try {
    if ('data' in content) await handle.writeFile(content.data)
    await handle.chmod(0o644)
    await handle.sync()
  } finally {
    await handle.close()
  }
}
