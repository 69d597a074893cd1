/** A small catalogue for tests of the maker: what a site's files would say. */
import type { Appliance, Catalog, ImageClass, PackageGroup } from '../../builder/catalog/catalog.ts'
import type { ImageConfig } from '../../builder/config/image-config.ts'

const DEBIAN: Omit<ImageClass, 'name' | 'title' | 'release'> = {
  family: 'debian',
  architectures: ['amd64', 'i386'],
  mirror: '',
  snapshot: '',
  components: ['main'],
  repositories: [],
  packages: [],
  bootPackages: ['systemd-sysv', 'initramfs-tools', 'udev', 'kmod', 'zstd'],
  kernels: { amd64: 'linux-image-cloud-amd64', i386: 'linux-image-686' },
}

/** As little as can be: quick to make. */
export const TINY: ImageClass = {
  ...DEBIAN,
  name: 'tiny',
  title: 'Essential packages of Debian 12',
  release: 'bookworm',
  variant: 'essential',
}
export const BOOKWORM: ImageClass = {
  ...DEBIAN,
  name: 'bookworm',
  title: 'Debian 12',
  release: 'bookworm',
  packages: ['openssh-server', 'ca-certificates', 'python3', 'perl', 'vim'],
}

const GROUPS: readonly PackageGroup[] = [
  { name: 'tools', title: 'Small tools', packages: { '*': ['bc', 'less'] } },
  {
    name: 'batch',
    title: 'Batch worker',
    packages: { '*': ['slurmd', 'munge', 'gcc', 'g++', 'make', 'environment-modules'] },
  },
  { name: 'database', title: 'Databases', packages: { '*': ['postgresql', 'mariadb-server'] } },
]
const APPLIANCES: readonly Appliance[] = [
  {
    name: 'greeter',
    title: 'Greets',
    classes: ['tiny'],
    groups: ['tools'],
    packages: [],
    files: [{ path: '/etc/motd', mode: 0o644, content: 'hello\n' }],
    script: 'echo appliance >> /etc/order',
  },
]

export function catalogOf(...classes: readonly ImageClass[]): Catalog {
  return {
    classes: new Map(classes.map((one) => [one.name, one])),
    groups: new Map(GROUPS.map((one) => [one.name, one])),
    appliances: new Map(APPLIANCES.map((one) => [one.name, one])),
  }
}

/** A configuration where only what matters has to be said. */
export function configOf(of: Partial<ImageConfig> & Pick<ImageConfig, 'class'>): ImageConfig {
  const fileType = of.fileType ?? '.tar'
  return {
    name: '',
    arch: 'amd64',
    fileType,
    appliance: '',
    groups: [],
    packages: [],
    imageBytes: fileType === '.img' || fileType === '.qcow2' ? 512 * 1024 * 1024 : 0,
    boot: 'none',
    files: [],
    script: '',
    repositories: [],
    ...of,
  }
}
