import { mkdir, rm, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { costOf, type Sample } from '../tree.ts'
import { isListening } from './http.ts'
import { background, checkSame, freePort, program, settle, sync, until } from './programs.ts'

/** An rsync daemon that offers the file's directory on 127.0.0.1, for as long as `use` runs. */
export async function withRsync<T>(
  directory: string,
  file: string,
  use: (once: (basis?: string) => Promise<Sample>) => Promise<T>,
): Promise<T> {
  const own = join(directory, 'rsync')
  await mkdir(own, { recursive: true })
  const [port, config] = [await freePort(), join(own, 'rsyncd.conf')]
  // As root it would read as nobody, who may not look into others' temporary directories.
  const user = process.getuid?.() === 0 ? 'uid = 0\ngid = 0\n' : ''
  await writeFile(config, `use chroot = no\n${user}[images]\npath = ${join(file, '..')}\nread only = yes\n`)
  const server = background('rsync', [
    '--daemon',
    '--no-detach',
    `--port=${port}`,
    '--address=127.0.0.1',
    `--config=${config}`,
  ])
  try {
    await until(() => isListening(port), 'the rsync daemon listens')
    return await use((basis) => fetchOnce(server.pid, own, `rsync://127.0.0.1:${port}/images`, file, basis))
  } finally {
    await server.stop()
    await rm(own, { recursive: true, force: true })
  }
}

/** @param basis what the receiver has beforehand under the wanted name */
async function fetchOnce(server: number, own: string, url: string, file: string, basis?: string): Promise<Sample> {
  const copy = join(own, basename(file))
  await rm(copy, { force: true })
  if (basis !== undefined) await program('cp', ['--sparse=always', basis, copy])
  await settle()
  const { result, sample } = await costOf([server], async () => {
    const text = await program('rsync', ['--sparse', '--ignore-times', '--stats', `${url}/${basename(file)}`, own])
    await sync(copy)
    return text
  })
  await checkSame(copy, file)
  await rm(copy)
  const received = /Total bytes received: ([\d,]+)/.exec(result)?.[1]
  return { ...sample, wire: Number(received?.replaceAll(',', '')) }
}
