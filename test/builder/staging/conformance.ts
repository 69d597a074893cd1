/** What every way of keeping stages has to do. */
import { execFileSync } from 'node:child_process'
import { mkdirSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { openWorkspace, type Workspace } from '../../../builder/make/workspace.ts'
import type { Chain, Staging } from '../../../builder/staging/staging.ts'

/** Commands that make a first tree; run by sh with the tree as its directory. */
const FIRST = `
mkdir -p etc bin gone full/deep moved/inner
echo one > etc/one; echo two > etc/two; ln etc/one etc/one-again; ln -s /etc/one etc/link
printf x > bin/su; chown 1000:7 bin/su; chmod 4755 bin/su
printf x > bin/ping; setcap cap_net_raw+ep bin/ping; setfattr -n user.note -v hello etc/two
mknod bin/null c 1 3; mkfifo bin/pipe
truncate -s 3M full/sparse; printf end >> full/sparse
echo x > full/deep/file; echo x > gone/file; echo y > moved/inner/file; echo z > was-file
mkdir was-directory; echo q > was-directory/q
touch -d '2001-02-03 04:05:06.123456789 UTC' etc/two
touch -h -d '2002-02-03 04:05:06.987654321 UTC' etc/link
touch -d '2003-02-03 04:05:06.5 UTC' etc
chmod 0750 .
`
/** And those that change it. */
const SECOND = `
echo more >> etc/one
rm -r gone full/deep; mkdir full/deep; echo new > full/deep/other
mv moved moved-on; rm was-file; mkdir was-file; echo f > was-file/f
rm -r was-directory; echo file > was-directory
chmod 0711 bin/su
mv etc/two etc/zwei
ln etc/zwei etc/deux
`

/** Everything that a tree is, in the order of names: type, mode, owner, links, size, time, xattrs, content. */
export function describe(tree: string): string[] {
  const format = '%P|%y|%m|%U|%G|%n|%s|%l|%T@\\n'
  // Directories' sizes and links are the file system's own business.
  const lines = execFileSync('find', [tree, '-printf', format.replace('%n|%s', '%y%n|%y%s')], { encoding: 'utf8' })
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => line.replace(/\|d\d+\|d\d+\|/, '|d|d|').replace(/\|l\d+\|l\d+\|/, '|l|l|'))
    .sort()
  const xattrs = execFileSync('getfattr', ['-R', '-h', '-m', '^(user|security)\\.', '-d', '-e', 'hex', '.'], {
    cwd: tree,
    encoding: 'utf8',
  })
  const sums = execFileSync('sh', ['-c', 'find . -type f -print0 | sort -z | xargs -0r sha256sum'], {
    cwd: tree,
    encoding: 'utf8',
  })
  return [...lines, ...xattrs.split('\n\n').sort(), ...sums.split('\n')]
}

/** Registers the tests. @param withPlace runs its argument with an empty directory that the backend can work in */
export function conforms(staging: Staging, withPlace: (use: (place: string) => Promise<void>) => Promise<void>): void {
  const inSpace = (name: string, body: (place: string, space: Workspace) => Promise<void>) => {
    test(`${staging.kind}: ${name}`, async () => {
      await withPlace(async (place) => {
        const space = await openWorkspace(new AbortController().signal)
        try {
          await body(place, space)
        } finally {
          await space.close()
        }
      })
    })
  }

  const stage = async (place: string, space: Workspace, name: string, chain: Chain, script: string) => {
    const directory = join(place, name)
    mkdirSync(directory)
    const tree = await staging.begin(directory, chain, space)
    await space.ok('env', ['-C', tree, 'sh', '-ec', script])
    const seen = await seenInside(space, tree)
    await staging.finish(directory, space)
    return { directory, seen }
  }

  const shown = async (space: Workspace, chain: Chain) => seenInside(space, await staging.view(chain, space))

  inSpace('a finished tree is what was made', async (place, space) => {
    const first = await stage(place, space, 'a', [], FIRST)
    assert.equal(await shown(space, [first.directory]), first.seen)
    assert.ok(first.seen.some((line) => line.startsWith('bin/su|f|4755|')))
    assert.ok(first.seen.some((line) => line.includes('security.capability')))
    assert.ok(first.seen.some((line) => line.includes('.1234567890')))
  })

  inSpace('a tree begins as its parent and leaves it alone', async (place, space) => {
    const first = await stage(place, space, 'a', [], FIRST)
    const same = await stage(place, space, 'b', [first.directory], 'true')
    assert.equal(same.seen, first.seen)
    const second = await stage(place, space, 'c', [first.directory], SECOND)
    assert.equal(await shown(space, [first.directory]), first.seen)
    assert.equal(await shown(space, [second.directory, first.directory]), second.seen)
  })

  inSpace('changes are those that a plain copy would have', async (place, space) => {
    const first = await stage(place, space, 'a', [], FIRST)
    const second = await stage(place, space, 'c', [first.directory], SECOND)
    const plain = join(place, 'plain')
    const view = await staging.view([first.directory], space)
    await space.ok('cp', ['-a', view, plain])
    await space.ok('env', ['-C', plain, 'sh', '-ec', SECOND])
    const withoutNew = (lines: string[]) => lines.map((line) => line.replace(RECENT, ''))
    assert.equal(withoutNew(second.seen), withoutNew(await seenInside(space, plain)))
    const names = second.seen.filter((line) => line.startsWith('etc/one'))
    assert.is(names.length, 2)
    assert.ok(names.every((line) => line.includes('|f2|f9|')))
  })

  inSpace('holes stay holes', async (place, space) => {
    const first = await stage(place, space, 'a', [], FIRST)
    const second = await stage(place, space, 'b', [first.directory], 'printf more >> full/sparse')
    const view = await staging.view([second.directory, first.directory], space)
    const used = Number(await space.ok('stat', ['-c', '%b', join(view, 'full/sparse')])) * 512
    assert.ok(used < 512 * 1024, `${used} bytes`)
  })

  inSpace('a view takes no changes', async (place, space) => {
    const first = await stage(place, space, 'a', [], FIRST)
    const second = await stage(place, space, 'b', [first.directory], SECOND)
    for (const chain of [[first.directory], [second.directory, first.directory]]) {
      const view = await staging.view(chain, space)
      assert.not.equal((await space.run('touch', [join(view, 'new')])).status, 0)
    }
  })

  inSpace('two trees of one parent know nothing of each other', async (place, space) => {
    const first = await stage(place, space, 'a', [], FIRST)
    const [left, right] = [join(place, 'l'), join(place, 'r')]
    for (const directory of [left, right]) mkdirSync(directory)
    const trees = [
      await staging.begin(left, [first.directory], space),
      await staging.begin(right, [first.directory], space),
    ]
    await space.ok('sh', [
      '-ec',
      'echo left > "$1/etc/one"; rm "$2/etc/two"; cat "$2/etc/one" "$1/etc/two"',
      'sh',
      ...trees,
    ])
    for (const directory of [left, right]) await staging.finish(directory, space)
    assert.equal(await shown(space, [first.directory]), first.seen)
  })

  inSpace('long chains', async (place, space) => {
    let chain: string[] = []
    for (let i = 0; i < 12; i++) {
      const script =
        i === 0 ? 'mkdir d; echo 0 > d/f; ln d/f d/g' : `echo ${i} >> d/f; echo ${i} > d/n${i}; rm -f d/n${i - 2}`
      chain = [(await stage(place, space, `s${i}`, chain, script)).directory, ...chain]
    }
    const view = await staging.view(chain, space)
    assert.equal(readdirSync(space.outside(join(view, 'd'))).sort(), ['f', 'g', 'n10', 'n11'])
    assert.is(
      readFileSync(space.outside(join(view, 'd/g')), 'utf8')
        .trim()
        .split('\n').length,
      12,
    )
  })

  inSpace('stages can be removed, finished or not, and renamed when they are', async (place, space) => {
    const first = await stage(place, space, 'a', [], FIRST)
    const second = await stage(place, space, 'b', [first.directory], SECOND)
    execFileSync('mv', [second.directory, join(place, 'renamed')])
    assert.equal(await shown(space, [join(place, 'renamed'), first.directory]), second.seen)
    const half = join(place, 'half')
    mkdirSync(half)
    await staging.begin(half, [first.directory], space)
    await space.close()
    for (const directory of [half, join(place, 'renamed'), first.directory]) await staging.remove(directory)
    assert.equal(readdirSync(place), [])
  })

  const seenInside = async (space: Workspace, tree: string) => describe(space.outside(tree))
}

/** Times of what was just made. */
const RECENT = /\|(?:1[7-9]|[2-9]\d)\d{8}\.\d+$/
