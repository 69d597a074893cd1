/** A small catalogue for tests of queue and pages. */
import type { Appliance, Catalog, ImageClass, PackageGroup } from '../../../builder/catalog/catalog.ts'
import { createRequests, type Requests } from '../../../builder/requests.ts'

function imageClass(name: string, title: string, architectures: readonly string[]): ImageClass {
  return {
    name,
    title,
    family: 'debian',
    release: 'bookworm',
    architectures,
    mirror: '',
    snapshot: '',
    components: ['main'],
    repositories: [],
    packages: [],
    bootPackages: [],
    kernels: { amd64: 'linux-image-amd64' },
  }
}
const group = (name: string, title: string): PackageGroup => ({ name, title, packages: { '*': ['bash'] } })
const appliance = (name: string, title: string, classes: readonly string[]): Appliance => ({
  name,
  title,
  classes,
  groups: [],
  packages: [],
  files: [],
  script: '',
})
const named = <T extends { name: string }>(...all: T[]): ReadonlyMap<string, T> => new Map(all.map((a) => [a.name, a]))

export const CATALOG: Catalog = {
  classes: named(
    imageClass('debian-12', 'Debian 12 “bookworm”', ['amd64', 'i386']),
    imageClass('debian-13', 'Debian 13 “trixie”', ['amd64', 'arm64']),
    imageClass('el9', 'Enterprise Linux 9', ['amd64']),
  ),
  groups: named(
    group('core', 'what every machine needs'),
    group('base', 'editors and tools'),
    group('mpi', 'Open MPI'),
  ),
  appliances: named(
    appliance('batch-worker', 'Batch worker (slurmd)', ['debian-12', 'debian-13']),
    appliance('web', 'Web server', ['debian-12']),
    appliance('database', 'Database', ['debian-12', 'debian-13']),
  ),
}

/** The real reader of requests, with this catalogue. */
export function testRequests(): Requests {
  return createRequests(() => CATALOG)
}
