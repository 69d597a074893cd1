import type { Entry } from '../../../builder/repository/entry.ts'

export const ENTRY: Omit<Entry, 'version' | 'files'> = {
  key: 'ab'.repeat(32),
  name: 'image',
  root: 'bafyroot',
  sequence: 1,
  bytes: 1000,
  sha256: 'cd'.repeat(32),
  config: {
    class: 'debian-12',
    arch: 'amd64',
    fileType: '.tar',
    appliance: '',
    groups: [],
    packages: [],
    boot: 'none',
  },
  by: { who: 'tester', via: 'api' },
  build: 1,
  packages: 0,
  stages: [],
  queuedAt: 1,
  madeAt: 2,
  seconds: 1,
}
