/**
 * What the fields are called where names are short: parameters of the /create URL, names of form fields, elements of
 * the XML. The names are those of 2007: filetype, group, package.
 */
import type { ImageConfig } from './image-config.ts'

export interface Parameter {
  readonly field: keyof ImageConfig
  /** In URLs and forms, and the element's name in XML. */
  readonly name: string
  /** For people. */
  readonly title: string
  readonly hint: string
  /** Whether it may be given several times. */
  readonly many: boolean
}

/** Fields with one value each time they are given; in the order in which pages and XML show them. */
export const PARAMETERS: readonly Parameter[] = [
  {
    field: 'name',
    name: 'name',
    title: 'Name',
    hint: 'Letters, digits, dots, dashes, underscores and plus signs; empty: the farm makes one.',
    many: false,
  },
  { field: 'class', name: 'class', title: 'Class', hint: 'The operating system.', many: false },
  {
    field: 'arch',
    name: 'arch',
    title: 'Architecture',
    hint: "Debian's name, such as amd64 or i386; x86_64 and i686 are understood.",
    many: false,
  },
  { field: 'fileType', name: 'filetype', title: 'File type', hint: '.tar if left out.', many: false },
  {
    field: 'appliance',
    name: 'appliance',
    title: 'Appliance',
    hint: 'A ready-made machine, to which groups, packages and files are added.',
    many: false,
  },
  { field: 'groups', name: 'group', title: 'Groups', hint: 'Sets of packages.', many: true },
  {
    field: 'packages',
    name: 'package',
    title: 'Packages',
    hint: 'Names, separated by white space or commas.',
    many: true,
  },
  {
    field: 'imageBytes',
    name: 'size',
    title: 'Size',
    hint: 'Of .img and .qcow2: bytes, or a size like 4G; 2G if left out.',
    many: false,
  },
  {
    field: 'boot',
    name: 'boot',
    title: 'Boot',
    hint: 'none, direct (kernel and initrd beside the image) or uefi; for .img and .qcow2.',
    many: false,
  },
  {
    field: 'script',
    name: 'script',
    title: 'Customisation script',
    hint: 'Run by /bin/sh inside the image, after all packages are there.',
    many: false,
  },
]

/** Parts of an extra file: the first filepath, filemode, filecontent and fileencoding are the first file's. */
export const FILE_PARAMETERS = {
  path: 'filepath',
  mode: 'filemode',
  content: 'filecontent',
  encoding: 'fileencoding',
} as const

/** Parts of a repository, in the same way. */
export const REPOSITORY_PARAMETERS = {
  uri: 'repouri',
  suite: 'reposuite',
  components: 'repocomponents',
  key: 'repokey',
} as const

/** Beside the configuration: what shall happen with the image. */
export const FLAG_PARAMETERS = ['download', 'synchronous'] as const

const FIELD_PATH = /^(\w+)(?:\[\d+\])?(?:\.(\w+))?/

/** The parameter where a problem's field belongs: packages[3] → package, files[0].path → filepath. */
export function parameterOf(field: string): string {
  const [, base = '', part = ''] = FIELD_PATH.exec(field) ?? []
  if (base === 'files') return part in FILE_PARAMETERS ? FILE_PARAMETERS[part as 'path'] : FILE_PARAMETERS.path
  if (base === 'repositories') {
    return part in REPOSITORY_PARAMETERS ? REPOSITORY_PARAMETERS[part as 'uri'] : REPOSITORY_PARAMETERS.uri
  }
  return PARAMETERS.find((parameter) => parameter.field === base)?.name ?? base
}
