/** A small repository of RPM packages, signed with a key that is made for it. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { withKey } from './gpg.ts'
import { tool } from './tools.ts'

export interface RpmSpec {
  readonly name: string
  readonly version: string
  readonly requires?: readonly string[]
  /** Path to content. */
  readonly files: Readonly<Record<string, string>>
  /** Run by /bin/sh in the tree when it is installed. */
  readonly post?: string
}

/** What a tree cannot be without: directories, and a shell for scripts, which is this machine's own. */
export const FILESYSTEM: RpmSpec = {
  name: 'filesystem',
  version: '3',
  files: {
    '/etc/os-release': 'ID=small\n',
    '/etc/passwd': 'root:x:0:0:root:/root:/bin/sh\n',
    '/etc/group': 'root:x:0:\n',
  },
}

/** @returns URI and armoured public key */
export function makeRpmRepository(directory: string, specs: readonly RpmSpec[], sign = true) {
  const [top, repository] = [join(directory, 'top'), join(directory, 'repository')]
  for (const path of [top, repository]) mkdirSync(path, { recursive: true })
  return withKey(({ home, key }) => {
    for (const spec of specs) {
      const file = join(top, `${spec.name}.spec`)
      writeFileSync(file, specText(spec))
      const defines = [`_topdir ${top}`, `_rpmdir ${repository}`, '_build_name_fmt %%{NAME}-%%{VERSION}.%%{ARCH}.rpm']
      tool('rpmbuild', ['-bb', '--quiet', '--target', 'noarch', ...defines.flatMap((one) => ['--define', one]), file])
      const built = join(repository, `${spec.name}-${spec.version}.noarch.rpm`)
      const signer = ['_gpg_name Test <test@example.org>', `_gpg_path ${home}`, '__gpg /usr/bin/gpg']
      if (sign) tool('rpmsign', ['--addsign', ...signer.flatMap((one) => ['--define', one]), built])
    }
    tool('createrepo_c', ['--quiet', '--checksum', 'sha256', repository])
    return { uri: `file://${repository}`, key, repository }
  })
}

function specText({ name, version, requires = [], files, post }: RpmSpec): string {
  const entries = Object.entries(files)
  return [
    `Name: ${name}`,
    `Version: ${version}`,
    'Release: 1',
    `Summary: ${name}`,
    'License: none',
    'BuildArch: noarch',
    'AutoReqProv: no',
    ...requires.map((other) => `Requires: ${other}`),
    '%description',
    name,
    '%install',
    ...entries.flatMap(([path, content]) => [
      `mkdir -p %{buildroot}$(dirname ${path})`,
      `printf '%s' '${content}' > %{buildroot}${path}`,
    ]),
    ...(post === undefined ? [] : ['%post -p /bin/sh', post]),
    '%files',
    ...entries.map(([path]) => path),
    '',
  ].join('\n')
}
