/** A small signed repository of Debian packages. */
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { withKey } from './gpg.ts'
import { sha256Of } from './hashes.ts'
import { tool } from './tools.ts'

export interface DebSpec {
  readonly name: string
  readonly version: string
  readonly depends?: string
  /** Path to content. */
  readonly files?: Readonly<Record<string, string>>
}

/** A suite `stable` with component `main`. @returns URI and armoured public key */
export function makeDebRepository(directory: string, specs: readonly DebSpec[], arch = 'amd64') {
  const pool = join(directory, 'pool')
  const index = join(directory, 'dists/stable/main', `binary-${arch}`)
  for (const path of [pool, index]) mkdirSync(path, { recursive: true })
  for (const spec of specs) buildDeb(directory, pool, spec)
  const stanzas = readdirSync(pool).map((name) => {
    const path = join(pool, name)
    const control = tool('dpkg-deb', ['--field', path]).trimEnd()
    return `${control}\nFilename: pool/${name}\nSize: ${statSync(path).size}\nSHA256: ${sha256Of(path)}\n`
  })
  const packages = join(index, 'Packages')
  writeFileSync(packages, stanzas.join('\n'))
  const release = [
    'Origin: Test',
    'Suite: stable',
    'Codename: stable',
    'Date: Sat, 01 Jan 2022 00:00:00 UTC',
    `Architectures: ${arch}`,
    'Components: main',
    'SHA256:',
    ` ${sha256Of(packages)} ${readFileSync(packages).length} main/binary-${arch}/Packages`,
    '',
  ].join('\n')
  return withKey(({ key, gpg }) => {
    const [plain, signed] = [join(directory, 'Release'), join(directory, 'dists/stable/InRelease')]
    writeFileSync(plain, release)
    gpg('--clearsign', '--output', signed, plain)
    return { repository: { uri: `file://${directory}`, suite: 'stable', components: ['main'], key }, key }
  })
}

function buildDeb(directory: string, pool: string, { name, version, depends, files = {} }: DebSpec): void {
  const tree = join(directory, 'build', name)
  mkdirSync(join(tree, 'DEBIAN'), { recursive: true })
  const fields = [`Package: ${name}`, `Version: ${version}`, 'Architecture: all', 'Maintainer: Test <test@example.org>']
  if (depends !== undefined) fields.push(`Depends: ${depends}`)
  writeFileSync(join(tree, 'DEBIAN/control'), `${[...fields, `Description: ${name}`].join('\n')}\n`)
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(join(tree, path, '..'), { recursive: true })
    writeFileSync(join(tree, path), content)
  }
  tool('dpkg-deb', ['--root-owner-group', '--build', tree, pool])
}
