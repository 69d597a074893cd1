import { link, mkdir, open, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type AptRoot, mirrorFailed } from './apt-root.ts'
import type { PackageVersion } from './maker.ts'
import { debName, flatStanza, packageOf } from './packages-index.ts'
import type { RunOptions } from './run.ts'

/** Specifications in one call: an argument list has a limit. */
const FETCH_AT_ONCE = 500
/** In an ar archive's first member: 8 bytes of magic, 16 of name, then 12 digits of time. */
const AR_TIME_AT = 24
const AR_TIME_BYTES = 12

/**
 * Brings packages into the cache of package files; apt checks those that are there, and those that come, by their hash.
 * @throws MIRROR_FAILED, NO_SPACE
 */
export async function fetchPackages(
  root: AptRoot,
  archives: string,
  packages: readonly PackageVersion[],
  options: Pick<RunOptions, 'signal' | 'log'>,
): Promise<void> {
  await mkdir(archives, { recursive: true })
  for (let i = 0; i < packages.length; i += FETCH_AT_ONCE) {
    const specs = packages.slice(i, i + FETCH_AT_ONCE).map(({ name, arch, version }) => `${name}:${arch}=${version}`)
    const ran = await root.run('apt-get', ['download', '-q', '--', ...specs], { ...options, cwd: archives })
    if (ran.status !== 0) throw mirrorFailed(ran)
  }
}

/** A repository of exactly these packages: what is resolved is all that can be installed. */
export async function makeRepository(directory: string, archives: string, stanzas: readonly string[]): Promise<void> {
  await rm(directory, { recursive: true, force: true })
  await mkdir(directory)
  for (const stanza of stanzas) {
    const name = debName(packageOf(stanza))
    await link(join(archives, name), join(directory, name))
  }
  const sorted = stanzas.map(flatStanza).sort()
  await writeFile(join(directory, 'Packages'), sorted.map((stanza) => `${stanza}\n\n`).join(''))
}

/**
 * When the newest of these packages was built, in seconds: the time that its archive gives. It depends on the packages
 * alone, so that the same packages give the same image on another day.
 */
export async function newestPackage(archives: string, packages: readonly PackageVersion[]): Promise<number> {
  let newest = 0
  for (const one of packages) {
    const file = await open(join(archives, debName(one)))
    try {
      const { buffer, bytesRead } = await file.read(Buffer.alloc(AR_TIME_BYTES), 0, AR_TIME_BYTES, AR_TIME_AT)
      const seconds = Number.parseInt(buffer.subarray(0, bytesRead).toString('latin1').trim(), 10)
      if (Number.isSafeInteger(seconds)) newest = Math.max(newest, seconds)
    } finally {
      await file.close()
    }
  }
  return newest
}
