/**
 * Builds on disk, a directory each: config.xml, build.json (written last, so that a build is there whole or not at all)
 * and build.log.
 */
import { mkdir, readdir, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { syncDirectory, writeWhole } from '../../node/store/durable.ts'
import type { Log } from '../../protocols/ports.ts'
import { type Build, buildSchema } from './build.ts'

const ID = /^[1-9]\d{0,14}$/

export interface BuildFiles {
  /** A new build's directory, on disk when this resolves. */
  create(build: Build, xml: string): Promise<void>
  /** Its newest state, on disk when this resolves; of states that are written at the same time the last one wins. */
  save(build: Build): Promise<void>
  config(id: number): Promise<string>
  logPath(id: number): string
  remove(id: number): Promise<void>
}

/** @returns the files, and the builds that are there */
export async function openBuildFiles(directory: string, log: Log): Promise<{ files: BuildFiles; builds: Build[] }> {
  await mkdir(directory, { recursive: true, mode: 0o755 })
  const path = (id: number, ...rest: string[]): string => join(directory, String(id), ...rest)
  const builds: Build[] = []
  for (const name of await readdir(directory)) {
    if (!ID.test(name)) continue
    try {
      const build = buildSchema.parse(JSON.parse(await readFile(join(directory, name, 'build.json'), 'utf8')))
      if (String(build.id) !== name) throw new Error(`is another build: ${build.id}`)
      builds.push(build)
    } catch (error) {
      // A crash came between the directory and the build: nobody was told of it.
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') await rm(join(directory, name), { recursive: true })
      else log.warn({ build: name, error: String(error) }, 'a build cannot be read, and is left out')
    }
  }
  const saving = new Map<number, Promise<void>>()
  const newest = new Map<number, Build>()
  const files: BuildFiles = {
    async create(build, xml) {
      try {
        await mkdir(path(build.id), { mode: 0o755 })
        await writeWhole(path(build.id, 'config.xml'), Buffer.from(xml), 0o644, true)
        await files.save(build)
        await syncDirectory(directory)
      } catch (error) {
        await rm(path(build.id), { recursive: true, force: true })
        throw error
      }
    },
    save(build) {
      newest.set(build.id, build)
      const before = saving.get(build.id) ?? Promise.resolve()
      const saved = before
        .catch(() => {})
        .then(async () => {
          const latest = newest.get(build.id)
          if (latest === undefined) return
          newest.delete(build.id)
          await writeWhole(path(build.id, 'build.json'), Buffer.from(JSON.stringify(latest)), 0o644, true)
        })
      saving.set(build.id, saved)
      return saved.finally(() => {
        if (saving.get(build.id) === saved) saving.delete(build.id)
      })
    },
    config: (id) => readFile(path(id, 'config.xml'), 'utf8'),
    logPath: (id) => path(id, 'build.log'),
    remove: (id) => rm(path(id), { recursive: true, force: true }),
  }
  return { files, builds: builds.sort((a, b) => a.id - b.id) }
}
