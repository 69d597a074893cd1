/** The three request forms as data for their template. */
import type { FieldProblem } from '../../protocols/errors.ts'
import type { Catalog } from '../catalog/catalog.ts'
import { BOOTS, FILE_TYPES } from '../config/image-config.ts'
import { FORM_FILES, FORM_REPOSITORIES } from './forms.ts'

export const FORMS = {
  simple: {
    path: '/request',
    title: 'Simple request',
    intro:
      'Enter a name for the image, and choose a class, an architecture and a file type. The image is made, put into the repository and published to the mesh.',
  },
  appliance: {
    path: '/request/appliance',
    title: 'Virtual Appliances request',
    intro: 'An appliance is a ready-made machine: packages, files and settings for one purpose.',
  },
  advanced: {
    path: '/request/advanced',
    title: 'Advanced request',
    intro: 'Everything that a configuration can say. What is left empty takes its usual value.',
  },
} as const
export type FormName = keyof typeof FORMS

interface Option {
  readonly value: string
  readonly label: string
  /** Classes that it goes with, for the script that narrows the choice. */
  readonly only?: string
}
interface TextField {
  readonly id: string
  readonly label: string
  readonly value: string
  readonly hint?: string
  readonly rows?: number
  readonly wide?: boolean
  readonly options?: readonly Option[]
}
interface ChoiceField {
  readonly id: string
  readonly label: string
  readonly kind: 'checkbox' | 'radio'
  readonly choices: readonly { readonly value: string; readonly label: string; readonly detail?: string }[]
  readonly values: readonly string[]
}
interface Part {
  readonly title: string
  /** Shown when it is asked for: few need it. */
  readonly folded?: true
  readonly fields: readonly (TextField | ChoiceField)[]
}

/** @param given what the form was sent with, to be shown again */
export function requestForm(
  form: FormName,
  catalog: Catalog,
  given: URLSearchParams,
  problems: readonly FieldProblem[],
) {
  const parts = PARTS[form](catalog, given).map((part) => ({ ...part, open: isUsed(part, problems) }))
  const labels: Record<string, string> = {}
  for (const { id, label } of parts.flatMap(({ fields }) => fields)) labels[id] = label
  return {
    form,
    ...FORMS[form],
    heading: FORMS[form].title,
    parts,
    labels,
    problems,
    synchronous: given.get('synchronous') === 'on',
    download: given.get('download') === 'on',
  }
}

function isUsed({ fields }: Part, problems: readonly FieldProblem[]): boolean {
  return fields.some(
    (field) => problems.some((problem) => problem.field === field.id) || ('value' in field && field.value !== ''),
  )
}

/** Whether a form has a field of that name. */
export function formHas(form: FormName, catalog: Catalog): (field: string) => boolean {
  const ids = new Set(PARTS[form](catalog, new URLSearchParams()).flatMap(({ fields }) => fields.map(({ id }) => id)))
  return (field) => ids.has(field)
}

const PARTS: Readonly<Record<FormName, (catalog: Catalog, given: URLSearchParams) => readonly Part[]>> = {
  simple: (catalog, given) => [{ title: 'Image', fields: [nameField(given), ...whatFields(catalog, given)] }],
  appliance: (catalog, given) => [
    {
      title: 'Image',
      fields: [
        nameField(given),
        {
          id: 'appliance',
          label: 'Appliance',
          kind: 'radio',
          choices: [...catalog.appliances.values()].map(({ name, title, classes }) => ({
            value: name,
            label: title === '' ? name : title,
            detail: `${name}; ${classes.join(', ')}`,
          })),
          values: [given.get('appliance') ?? [...catalog.appliances.keys()][0] ?? ''],
        },
        ...whatFields(catalog, given),
      ],
    },
  ],
  advanced: (catalog, given) => [
    { title: 'Image', fields: [nameField(given), ...whatFields(catalog, given), ...diskFields(given)] },
    {
      title: 'Software',
      fields: [
        select('appliance', 'Appliance', given, [
          { value: '', label: 'none' },
          ...[...catalog.appliances.values()].map(({ name, classes }) => ({
            value: name,
            label: name,
            only: classes.join(' '),
          })),
        ]),
        {
          id: 'group',
          label: 'Groups',
          kind: 'checkbox',
          choices: [...catalog.groups.values()].map(({ name, title }) => ({ value: name, label: name, detail: title })),
          values: given.getAll('group'),
        },
        {
          id: 'package',
          label: 'Packages',
          hint: 'names, separated by blanks or on lines of their own',
          rows: 3,
          wide: true,
          value: given.getAll('package').join('\n'),
        },
      ],
    },
    {
      title: 'Customisation script and files',
      folded: true,
      fields: [
        {
          id: 'script',
          label: 'Script',
          hint: 'run by /bin/sh inside the image; a failure ends the build',
          rows: 5,
          wide: true,
          value: given.get('script') ?? '',
        },
        ...Array.from({ length: FORM_FILES }, (_, i) => fileFields(i, given)).flat(),
      ],
    },
    {
      title: 'Package repositories',
      folded: true,
      fields: Array.from({ length: FORM_REPOSITORIES }, (_, i) => repositoryFields(i, given)).flat(),
    },
  ],
}

function nameField(given: URLSearchParams): TextField {
  return {
    id: 'name',
    label: 'Name',
    value: given.get('name') ?? '',
    hint: 'letters, digits, dots and dashes; left empty, the farm makes one',
  }
}

function whatFields(catalog: Catalog, given: URLSearchParams): TextField[] {
  const classes = [...catalog.classes.values()]
  const architectures = [...new Set(classes.flatMap((each) => each.architectures))]
  return [
    select(
      'class',
      'Class',
      given,
      classes.map(({ name, title }) => ({ value: name, label: title === '' ? name : `${name} (${title})` })),
    ),
    select(
      'arch',
      'Architecture',
      given,
      architectures.map((arch) => ({
        value: arch,
        label: arch,
        only: classes
          .filter((each) => each.architectures.includes(arch))
          .map(({ name }) => name)
          .join(' '),
      })),
    ),
    select(
      'filetype',
      'File type',
      given,
      FILE_TYPES.map((type) => ({ value: type, label: type })),
    ),
  ]
}

function diskFields(given: URLSearchParams): TextField[] {
  const size = given.get('size') ?? ''
  return [
    { id: 'size', label: 'Image size', value: size, hint: 'of .img and .qcow2, like 2G; left empty, the usual size' },
    select('boot', 'Boot', given, [
      { value: BOOTS[0], label: 'none' },
      { value: BOOTS[1], label: 'direct: kernel and initrd beside the image' },
      { value: BOOTS[2], label: 'uefi: partitions and a boot loader' },
    ]),
  ]
}

function fileFields(i: number, given: URLSearchParams): TextField[] {
  const id = (part: string): string => `files-${i}-${part}`
  const value = (part: string): string => given.get(id(part)) ?? ''
  return [
    { id: id('path'), label: `File ${i + 1}: path`, value: value('path'), hint: 'such as /etc/motd' },
    { id: id('mode'), label: `File ${i + 1}: mode`, value: value('mode'), hint: 'octal; left empty, 0644' },
    { id: id('content'), label: `File ${i + 1}: content`, value: value('content'), rows: 2, wide: true },
  ]
}

function repositoryFields(i: number, given: URLSearchParams): TextField[] {
  const id = (part: string): string => `repositories-${i}-${part}`
  const value = (part: string): string => given.get(id(part)) ?? ''
  const label = `Repository ${i + 1}`
  return [
    { id: id('uri'), label: `${label}: URI`, value: value('uri') },
    { id: id('suite'), label: `${label}: suite`, value: value('suite'), hint: 'Debian only' },
    { id: id('components'), label: `${label}: components`, value: value('components'), hint: 'Debian only' },
    { id: id('key'), label: `${label}: key`, value: value('key'), rows: 3, wide: true, hint: 'armoured OpenPGP key' },
  ]
}

function select(id: string, label: string, given: URLSearchParams, options: readonly Option[]): TextField {
  return { id, label, options, value: given.get(id) ?? options[0]?.value ?? '' }
}
