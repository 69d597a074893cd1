import { mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { costOf, type Sample } from '../tree.ts'
import { withHttpServer } from './http.ts'
import { checkSame, program, settle, sync } from './programs.ts'

/** casync make of a file: cuts, hashes, and writes the compressed chunks to a new store. */
export async function casyncMake(directory: string, file: string): Promise<Sample> {
  const own = join(directory, 'casync-make')
  await mkdir(own, { recursive: true })
  await settle()
  try {
    return (await costOf([], () => make(own, file))).sample
  } finally {
    await rm(own, { recursive: true, force: true })
  }
}

/** Index and chunks are made beforehand, and offered over HTTP, for as long as `use` runs. */
export async function withCasync<T>(
  directory: string,
  file: string,
  use: (once: (seed?: string) => Promise<Sample>) => Promise<T>,
): Promise<T> {
  const own = join(directory, 'casync')
  await mkdir(own, { recursive: true })
  await make(own, file)
  try {
    return await withHttpServer(own, (url, server) => use((seed) => extractOnce(server, own, url, file, seed)))
  } finally {
    await rm(own, { recursive: true, force: true })
  }
}

function make(own: string, file: string): Promise<string> {
  return program('casync', ['make', `--store=${join(own, 'chunks')}`, join(own, 'image.caibx'), file])
}

async function extractOnce(server: number, own: string, url: string, file: string, seed?: string): Promise<Sample> {
  const copy = join(own, 'copy')
  const seeds = seed === undefined ? [] : [`--seed=${seed}`]
  await settle()
  const { sample } = await costOf([server], async () => {
    await program('casync', ['extract', `--store=${url}/chunks`, ...seeds, `${url}/image.caibx`, copy])
    await sync(copy)
  })
  await checkSame(copy, file)
  await rm(copy)
  return sample
}
