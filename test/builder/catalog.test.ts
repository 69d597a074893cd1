import { mkdir, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { Catalog } from '../../builder/catalog/catalog.ts'
import {
  CATALOG_FILE_BYTES_MAX,
  type CatalogOptions,
  loadCatalog,
  nativeArchitectures,
} from '../../builder/catalog/load.ts'
import { packagesOf } from '../../builder/catalog/lookup.ts'
import { packageProblem } from '../../builder/config/grammar.ts'
import { normalise } from '../../builder/config/normalise.ts'
import { KEY } from '../support/configs.ts'
import { rejectsCode } from '../support/failures.ts'
import { withDirectory } from '../support/temporary.ts'

const DEBIAN = 'title: D\nfamily: debian\nrelease: d\narchitectures: [amd64]\ncomponents: [main]\n'
const RPM =
  'title: R\nfamily: rpm\nrelease: "9"\narchitectures: [amd64]\nrepositories: [{id: a, uri: "http://a.example/$basearch/"}]\n'

/** Loads the shipped catalogue and a site's one of these files. */
function load(files: Record<string, string>, options: CatalogOptions = {}): Promise<Catalog> {
  return withDirectory(async (directory) => {
    await writeFiles(directory, files)
    return await loadCatalog([directory], options)
  })
}

async function writeFiles(directory: string, files: Record<string, string>): Promise<void> {
  for (const [path, text] of Object.entries(files)) {
    await mkdir(dirname(join(directory, path)), { recursive: true })
    await writeFile(join(directory, path), text)
  }
}

/** Asserts that a file is refused, naming it and the field. */
async function refused(path: string, text: string, field: string, expected: RegExp): Promise<void> {
  const error = await rejectsCode('BAD_CONFIG', load({ [path]: text }))
  assert.match(error.message, new RegExp(`/${path.replaceAll('.', '\\.')}: `))
  assert.match(error.message, expected)
  assert.not.match(error.message, /\n/)
  assert.is(error.data.field, field, error.message)
  assert.match(String(error.data.path), new RegExp(`${path}$`))
}

test('what ships: classes, groups and appliances that fit together', async () => {
  const { classes, groups, appliances } = await loadCatalog()
  assert.equal([...classes.keys()], ['debian12', 'almalinux9', 'debian11', 'debian13'])
  for (const name of ['core', 'base', 'batch-worker', 'web-server', 'database', 'login-node', 'compiler']) {
    assert.ok(groups.has(name), name)
  }
  const named = ['batch-worker', 'compiler-toolbox', 'database', 'login-node', 'web-server']
  assert.equal([...appliances.keys()], named)
  assert.equal(classes.get('debian12')?.architectures, ['amd64', 'i386', 'arm64'])
  assert.equal(classes.get('debian12')?.kernels, {
    amd64: 'linux-image-amd64',
    i386: 'linux-image-686-pae',
    arm64: 'linux-image-arm64',
  })
  assert.is(classes.get('debian13')?.kernels.i386, undefined, 'there is none')
  for (const { repositories } of classes.values())
    for (const { key } of repositories) assert.match(key, /^-----BEGIN PGP/)
  for (const imageClass of classes.values()) {
    for (const group of groups.values()) {
      for (const name of packagesOf(group, imageClass.name) ?? []) {
        assert.is(packageProblem(name, imageClass.family), undefined, name)
      }
    }
  }
})

test('every appliance of every class is a request', async () => {
  const catalog = await loadCatalog()
  for (const appliance of catalog.appliances.values()) {
    assert.is(normalise({ appliance: appliance.name }, catalog).class, 'debian12', 'first of its classes')
    for (const className of appliance.classes) {
      for (const arch of catalog.classes.get(className)?.architectures ?? []) {
        const config = normalise({ class: className, arch, appliance: appliance.name }, catalog)
        assert.is(config.appliance, appliance.name)
      }
    }
  }
})

test('a machine offers the architectures that it makes', async () => {
  const x64 = await loadCatalog([], { architectures: nativeArchitectures('x64') })
  assert.equal(x64.classes.get('debian13')?.architectures, ['amd64', 'i386'])
  const arm64 = await loadCatalog([], { architectures: nativeArchitectures('arm64') })
  assert.equal(arm64.classes.get('debian13')?.architectures, ['arm64'])
  const none = await loadCatalog([], { architectures: nativeArchitectures('riscv64') })
  assert.is(none.classes.size, 0)
  assert.is(none.appliances.size, 0)
})

test('mirror and snapshot are for the classes that name none', async () => {
  const own = 'mirror: http://own.example/debian\nsnapshot: 20260101T000000Z\n'
  const options = { mirror: 'https://mirror.example/debian', snapshot: '20260301T000000Z' }
  const { classes } = await load({ 'classes/own.yaml': DEBIAN + own }, options)
  assert.is(classes.get('debian12')?.mirror, options.mirror)
  assert.is(classes.get('debian12')?.snapshot, options.snapshot)
  assert.is(classes.get('own')?.mirror, 'http://own.example/debian')
  assert.is(classes.get('own')?.snapshot, '20260101T000000Z')
  assert.is(classes.get('almalinux9')?.mirror, '')
  const bad = await rejectsCode('BAD_CONFIG', loadCatalog([], { mirror: 'no' }))
  assert.match(bad.message, /^mirror: is not an http/)
  assert.match((await rejectsCode('BAD_CONFIG', loadCatalog([], { snapshot: 'no' }))).message, /^snapshot: /)
})

test("a site's files add to what ships and replace it; the last directory wins", async () => {
  await withDirectory(async (first) => {
    await withDirectory(async (second) => {
      await writeFiles(first, {
        'classes/deb.yaml': DEBIAN,
        'classes/red.yaml': `${RPM}packages: [bash]\n`,
        'groups/core.yaml': 'title: Ours\npackages: {"*": [bash]}\n',
        'groups/site.yaml': 'title: Site\npackages: {deb: [less], red: []}\n',
        'groups/.hidden.yaml': '%',
        'groups/site.yaml~': '%',
        'README.md': 'ours',
      })
      await writeFiles(second, {
        'groups/site.yaml': 'title: Second\npackages: {deb: [vim]}\n',
        'appliances/a.yaml': [
          'title: A\nclasses: [deb]\ngroups: [site]\npackages: [g++]\nscript: |\n\n  echo\n\n',
          `files: [{path: /etc/a, mode: "0755", content: "x\\n"}, {path: /b}]\n`,
        ].join(''),
      })
      const { classes, groups, appliances } = await loadCatalog([first, second])
      assert.is(classes.get('red')?.repositories[0]?.uri, 'http://a.example/$basearch/')
      assert.equal(packagesOf(groups.get('core')!, 'debian12'), ['bash'])
      assert.is(groups.get('site')?.title, 'Second')
      assert.is(packagesOf(groups.get('site')!, 'red'), undefined)
      assert.equal(appliances.get('a'), {
        name: 'a',
        title: 'A',
        classes: ['deb'],
        groups: ['site'],
        packages: ['g++'],
        files: [
          { path: '/etc/a', mode: 0o755, content: 'x\n' },
          { path: '/b', mode: 0o644, content: '' },
        ],
        script: 'echo\n',
      })
      assert.ok(classes.has('debian12'))
    })
  })
})

test('files that are wrong are named, with the field', async () => {
  await refused('classes/a.yaml', `${DEBIAN}kernel: x\n`, 'kernel', /no such field/)
  await refused('classes/a.yaml', DEBIAN.replace('debian', 'arch'), 'family', /debian, rpm/)
  await refused('classes/a.yaml', DEBIAN.replace('[main]', '[]'), 'components', /empty/)
  await refused('classes/a.yaml', DEBIAN.replace('[amd64]', '[]'), 'architectures', /empty/)
  await refused('classes/a.yaml', `${DEBIAN}kernels: {i386: x}\n`, 'kernels', /i386 is none of the architectures/)
  await refused('classes/a.yaml', `${DEBIAN}packages: [vim, "-y"]\n`, 'packages[1]', /"-y"/)
  await refused('classes/a.yaml', `${DEBIAN}packages: [Vim]\n`, 'packages', /"Vim" is not a name of a Debian/)
  await refused('classes/a.yaml', `${DEBIAN}mirror: "ftp://x"\n`, 'mirror', /URI/)
  await refused('classes/a.yaml', `${DEBIAN}snapshot: yesterday\n`, 'snapshot', /time/)
  await refused('classes/a.yaml', RPM.replace('id: a', 'id: a/b'), 'repositories[0].id', /not a name/)
  await refused('classes/a.yaml', RPM.replace('$basearch', '$(x)'), 'repositories[0].uri', /URI/)
  await refused('classes/a.yaml', `${RPM}mirror: http://a.example/\n`, 'mirror', /Debian/)
  await refused('groups/a.yaml', 'title: A\npackages: {}\n', 'packages', /no class/)
  await refused('groups/a.yaml', 'title: A\npackages: {nope: [x]}\n', 'packages.nope', /no such class/)
  await refused('groups/a.yaml', 'title: A\npackages: {debian12: [Vim]}\n', 'packages.debian12', /"Vim"/)
  await refused('groups/a.yaml', 'packages: {"*": []}\n', 'title', /must be text/)
  await refused('appliances/a.yaml', 'title: A\nclasses: [nope]\n', 'classes[0]', /no class nope/)
  await refused('appliances/a.yaml', 'title: A\nclasses: []\n', 'classes', /empty/)
  const appliance = 'title: A\nclasses: [debian12]\n'
  await refused('appliances/a.yaml', `${appliance}groups: [core, nope]\n`, 'groups[1]', /no group nope/)
  await refused('appliances/a.yaml', `${appliance}files: [{path: /../x}]\n`, 'files[0].path', /part \.\./)
  await refused('appliances/a.yaml', `${appliance}files: [{path: /x, mode: 0644}]\n`, 'files[0].mode', /octal/)
  await refused('appliances/a.yaml', `${appliance}files: [{path: /x}, {path: /x}]\n`, 'files[1].path', /twice/)
  await refused('appliances/a.yaml', `${appliance}script: "a\\0"\n`, 'script', /not text/)
})

test('files that cannot be read, and names that are none', async () => {
  await refused('groups/a.yaml', 'title: [', '', /./)
  await refused('groups/a.yaml', 'a: &x [1]\nb: *x\n', '', /alias/i)
  await refused('groups/a.yaml', '', '', /./)
  await refused('groups/a.yaml', `# ${'x'.repeat(CATALOG_FILE_BYTES_MAX)}`, '', /larger than 1048576/)
  await refused('groups/a.yml', 'title: A', '', /ends with \.yaml/)
  await refused('groups/a b.yaml', 'title: A', '', /"a b" is not a name/)
  await refused(`groups/${'x'.repeat(49)}.yaml`, 'title: A', '', /not a name/)
  await withDirectory(async (directory) => {
    const absent = await rejectsCode('BAD_CONFIG', loadCatalog([join(directory, 'absent')]))
    assert.match(absent.message, /absent: is not a directory/)
    await mkdir(join(directory, 'groups', 'a.yaml'), { recursive: true })
    assert.match((await rejectsCode('BAD_CONFIG', loadCatalog([directory]))).message, /a\.yaml: (?:is not a|cannot be)/)
  })
})

test('a repository of a class has a key, or the site says that it has none', async () => {
  const indented = KEY.trimEnd().replaceAll('\n', '\n      ')
  const keyed = RPM.replace(
    /\[\{id: a, uri: (.*)\}\]\n/,
    (_, uri) => `\n  - id: a\n    uri: ${uri}\n    key: |\n      ${indented}\n`,
  )
  const { classes } = await load({ 'classes/red.yaml': keyed, 'classes/open.yaml': RPM })
  assert.is(classes.get('red')?.repositories[0]?.key, KEY)
  assert.is(classes.get('open')?.repositories[0]?.key, '')
  await refused('classes/a.yaml', keyed.replace('BEGIN', 'BEGN'), 'repositories[0].key', /OpenPGP/)
})

test.run()
