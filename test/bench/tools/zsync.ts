import { mkdir, rm, symlink } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { costOf, type Sample } from '../tree.ts'
import { withHttpServer } from './http.ts'
import { checkSame, program, settle, sync } from './programs.ts'

/** As hotblock's grid outside of files. */
const BLOCK_BYTES = 4096

/** What zsync needs of the file is made beforehand, and offered over HTTP, for as long as `use` runs. */
export async function withZsync<T>(
  directory: string,
  file: string,
  use: (once: (seed: string) => Promise<Sample>) => Promise<T>,
): Promise<T> {
  const own = join(directory, 'zsync')
  await mkdir(own, { recursive: true })
  const name = basename(file)
  const control = join(own, `${name}.zsync`)
  await symlink(file, join(own, name))
  await program('zsyncmake', ['-Z', '-b', String(BLOCK_BYTES), '-u', name, '-f', name, '-o', control, file])
  try {
    return await withHttpServer(own, (url, server) =>
      use((seed) => fetchOnce(server, own, `${url}/${name}.zsync`, file, seed)),
    )
  } finally {
    await rm(own, { recursive: true, force: true })
  }
}

async function fetchOnce(server: number, own: string, url: string, file: string, seed: string): Promise<Sample> {
  const copy = join(own, 'copy')
  await settle()
  const { result, sample } = await costOf([server], async () => {
    const text = await program('zsync', ['-i', seed, '-o', copy, url])
    await sync(copy)
    return text
  })
  await checkSame(copy, file)
  await rm(copy)
  const fetched = /fetched (\d+)/.exec(result)?.[1]
  return { ...sample, ...(fetched === undefined ? {} : { wire: Number(fetched) }) }
}
