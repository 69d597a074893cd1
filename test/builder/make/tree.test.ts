/** Files within a tree, whose links are not to be followed out of it; what is taken out of trees. */
import { lstatSync, mkdirSync, readFileSync, statSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { normalise } from '../../../builder/make/normalise.ts'
import { insideTree, readInTree, removeInTree, writeInTree } from '../../../builder/make/tree.ts'
import { openWorkspace } from '../../../builder/make/workspace.ts'
import { rejectsCode } from '../../support/failures.ts'
import { withDirectory } from '../../support/temporary.ts'
import { testBuild } from '../../support/tools.ts'

testBuild('links lead where they would for a process whose root the tree is', async () => {
  await withDirectory(async (tree) => {
    for (const name of ['usr/lib', 'run', 'a/b']) mkdirSync(join(tree, name), { recursive: true })
    symlinkSync('usr/lib', join(tree, 'lib'))
    symlinkSync('/run', join(tree, 'a/run'))
    symlinkSync('../../../../etc/passwd', join(tree, 'a/b/up'))
    symlinkSync('/a/round', join(tree, 'a/round'))
    const inside = async (path: string, last?: boolean) => (await insideTree(tree, path, last)).slice(tree.length)
    assert.is(await inside('/lib/x'), '/usr/lib/x')
    assert.is(await inside('/a/run/x/y'), '/run/x/y')
    assert.is(await inside('/a/b/up'), '/etc/passwd')
    assert.is(await inside('/a/b/up', false), '/a/b/up')
    assert.is(await inside('/../../..//./a/../lib'), '/usr/lib')
    await rejectsCode('BAD_FILE', inside('/a/round/x'))
  })
})

testBuild('a file that is written replaces a link and does not follow it', async () => {
  await withDirectory(async (top) => {
    const [tree, outside] = [join(top, 'tree'), join(top, 'outside')]
    mkdirSync(join(tree, 'etc'), { recursive: true })
    writeFileSync(outside, 'mine')
    symlinkSync(outside, join(tree, 'etc/file'))
    symlinkSync(top, join(tree, 'escape'))
    await writeInTree(tree, '/etc/file', 'text', 0o4711)
    assert.is(readFileSync(outside, 'utf8'), 'mine')
    assert.is(statSync(join(tree, 'etc/file')).mode & 0o7777, 0o4711)
    assert.is((await readInTree(tree, '/etc/file'))?.toString(), 'text')
    await writeInTree(tree, '/escape/outside', 'text')
    assert.is(readFileSync(outside, 'utf8'), 'mine')
    await writeInTree(tree, '/new/directories/file', 'text')
    await removeInTree(tree, '/new')
    assert.is(await readInTree(tree, '/new/directories/file'), undefined)
    await rejectsCode('BAD_FILE', writeInTree(tree, '/etc', 'text'))
  })
})

const EPOCH = 1_600_000_000
const DAY = Math.floor(EPOCH / 86_400)

/** A tree as packages leave it. */
function used(tree: string): void {
  const files: Record<string, string> = {
    'etc/hostname': 'builder\n',
    'etc/resolv.conf': 'nameserver 10.0.0.1\n',
    'etc/machine-id': 'abc\n',
    'etc/shadow': 'root:*:99999:0:99999:7:::\nold:*:10:0:99999:7:::\n',
    'etc/ssh/ssh_host_rsa_key': 'secret',
    'etc/ssh/ssh_host_rsa_key.pub': 'public',
    'etc/ssh/sshd_config': 'Port 22\n',
    'etc/ssl/certs/ssl-cert-snakeoil.pem': 'certificate',
    'etc/ssl/private/ssl-cert-snakeoil.key': 'secret',
    'etc/munge/munge.key': 'secret',
    'etc/postgresql-common/createcluster.conf': '',
    'etc/postgresql/15/main/postgresql.conf': '',
    'var/lib/postgresql/15/main/PG_VERSION': '15',
    'var/lib/mysql/ibdata1': 'chance',
    'var/log/dpkg.log': 'today',
    'var/log/apt/term.log': 'today',
    'var/log/lastlog': 'x',
    'var/cache/apt/archives/a.deb': 'x',
    'var/cache/ldconfig/aux-cache': 'x',
    'var/lib/dpkg/status-old': 'x',
    'var/lib/dpkg/status': 'x',
    'run/pid': '1',
    'tmp/x/y': '1',
    'usr/share/old': 'old',
  }
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(join(tree, path, '..'), { recursive: true })
    writeFileSync(join(tree, path), content)
  }
  utimesSync(join(tree, 'usr/share/old'), 1000, 1000)
  symlinkSync('ssl-cert-snakeoil.pem', join(tree, 'etc/ssl/certs/1a2b.0'))
}

const exists = (path: string) => lstatSync(path, { throwIfNoEntry: false }) !== undefined

testBuild(
  'what differs each time that packages are installed is taken out; secrets are made at the first boot',
  async () => {
    await withDirectory(async (tree) => {
      used(tree)
      const space = await openWorkspace(new AbortController().signal)
      await normalise(space, tree, EPOCH, 'packages').finally(() => space.close())
      const text = (path: string) => readFileSync(join(tree, path), 'utf8')
      assert.is(text('etc/hostname'), 'localhost\n')
      assert.is(text('etc/resolv.conf') + text('etc/machine-id') + text('var/log/lastlog'), '')
      assert.is(text('etc/shadow'), `root:*:${DAY}:0:99999:7:::\nold:*:10:0:99999:7:::\n`)
      assert.is(text('etc/ssh/sshd_config'), 'Port 22\n')
      for (const gone of [
        ...['etc/ssh/ssh_host_rsa_key', 'etc/ssh/ssh_host_rsa_key.pub', 'etc/ssl/certs/1a2b.0', 'etc/munge/munge.key'],
        ...['etc/ssl/certs/ssl-cert-snakeoil.pem', 'var/lib/postgresql/15/main', 'var/lib/mysql/ibdata1', 'run/pid'],
        ...[
          'var/log/dpkg.log',
          'var/log/apt/term.log',
          'var/cache/apt/archives/a.deb',
          'var/lib/dpkg/status-old',
          'tmp/x',
        ],
      ]) {
        assert.not.ok(exists(join(tree, gone)), gone)
      }
      const script = text('usr/lib/hotblock/first-boot')
      for (const word of [
        'ssh-keygen -A',
        'munge.key',
        'pg_createcluster 15 main',
        'mariadb-install-db',
        'make-ssl-cert',
      ]) {
        assert.ok(script.includes(word), word)
      }
      for (const path of ['.', 'etc', 'etc/hostname', 'usr/lib/hotblock/first-boot', 'etc/ssh']) {
        assert.is(statSync(join(tree, path)).mtimeMs, EPOCH * 1000, path)
      }
      assert.is(statSync(join(tree, 'usr/share/old')).mtimeMs, 1_000_000)
    })
  },
)

testBuild('what a request put there stays', async () => {
  await withDirectory(async (tree) => {
    used(tree)
    const space = await openWorkspace(new AbortController().signal)
    await normalise(space, tree, EPOCH, 'request').finally(() => space.close())
    const text = (path: string) => readFileSync(join(tree, path), 'utf8')
    assert.is(text('etc/hostname') + text('etc/munge/munge.key'), 'builder\nsecret')
    assert.not.ok(exists(join(tree, 'tmp/x')))
    assert.is(statSync(join(tree, 'etc/hostname')).mtimeMs, EPOCH * 1000)
  })
})

test.run()
