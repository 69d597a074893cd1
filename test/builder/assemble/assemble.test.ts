/** Image files of small trees: the same bytes whatever the tree's inodes, its access times and the umask are. */
import { execFileSync } from 'node:child_process'
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { assemble } from '../../../builder/assemble/assemble.ts'
import { crc32c } from '../../../builder/assemble/crc32c.ts'
import { findKernel } from '../../../builder/assemble/kernel.ts'
import { BOOTS, FILE_TYPES, type ImageConfig } from '../../../builder/config/image-config.ts'
import { openWorkspace, type Workspace } from '../../../builder/make/workspace.ts'
import { gzipCuts } from '../../../node/cutters/gzip.ts'
import { fileReader } from '../../../node/cutters/reading.ts'
import { rejectsCode } from '../../support/failures.ts'
import { sha256Of } from '../../support/hashes.ts'
import { withDirectory } from '../../support/temporary.ts'
import { testBuild, tool } from '../../support/tools.ts'

const EPOCH = 1_700_000_000
const MIB = 1024 ** 2
/** Names, so that files can be made in another order. */
const NAMES = Array.from({ length: 60 }, (_none, i) => `file-${(i * 37) % 60}`)

/** The same tree each time, its inodes in the order that is asked for. */
function makeTree(tree: string, reversed: boolean): void {
  mkdirSync(tree)
  const script = `
    umask ${reversed ? '077' : '002'}
    mkdir -p usr/share boot etc
    for name in "$@"; do head -c $((\${#name} * 1000)) /dev/zero | tr '\\0' x > "usr/share/$name"; done
    printf '%s' kernel > boot/vmlinuz-6.1; printf '%s' initrd > boot/initrd.img-6.1
    printf x > etc/capable; setcap cap_net_raw+ep etc/capable
    printf x > etc/su; chown 12:34 etc/su; chmod 4755 etc/su
    ln usr/share/file-1 usr/share/again; ln -s ../x etc/link; mknod etc/null c 1 3
    truncate -s 5M usr/share/sparse
    printf x > "etc/with \\" a 'quote' and ü"
    find . -type d -exec chmod 755 {} + ; find usr boot -type f -exec chmod 644 {} + ; chmod 644 etc/capable etc/with* etc/null
    chmod 755 .
    find . -depth -exec touch -h -d '2020-01-01 00:00:00 UTC' {} +
    ${reversed ? 'find . -type f -exec cat {} + > /dev/null' : ''}
  `
  const names = reversed ? NAMES.toReversed() : NAMES
  execFileSync('sh', ['-ec', script, 'sh', ...names], { cwd: tree, stdio: 'pipe' })
}

type Request = Pick<ImageConfig, 'fileType' | 'boot' | 'imageBytes'>

/** Assembles a tree into a new directory. */
async function make(space: Workspace, top: string, tree: string, request: Request, label: string) {
  const [directory, scratch] = [join(top, `result-${label}`), join(top, `scratch-${label}`)]
  mkdirSync(directory)
  mkdirSync(scratch)
  const { signal } = new AbortController()
  const job = { space, tree, epoch: EPOCH, arch: 'amd64', directory, scratch, log: () => {}, signal }
  return assemble(request, job)
}

async function withTrees(use: (space: Workspace, top: string, trees: [string, string]) => Promise<void>) {
  await withDirectory(async (top) => {
    const trees: [string, string] = [join(top, 'one'), join(top, 'two')]
    makeTree(trees[0], false)
    makeTree(trees[1], true)
    const space = await openWorkspace(new AbortController().signal)
    try {
      await use(space, top, trees)
    } finally {
      await space.close()
    }
  })
}

const sizeOf = (fileType: string) => (fileType.startsWith('.tar') ? 0 : 320 * MIB)

for (const fileType of FILE_TYPES) {
  for (const boot of BOOTS) {
    if (fileType.startsWith('.tar') && boot === 'uefi') continue
    testBuild(`${fileType}, boot ${boot}: the same tree is the same bytes`, async () => {
      await withTrees(async (space, top, trees) => {
        const request = { fileType, boot, imageBytes: sizeOf(fileType) }
        const one = await make(space, top, trees[0], request, 'one')
        // Some times are kept by the second, and FAT's by two.
        await new Promise((resolve) => setTimeout(resolve, 2100))
        const before = process.umask(0o077)
        const two = await make(space, top, trees[1], request, 'two').finally(() => process.umask(before))
        assert.is(sha256Of(two.file), sha256Of(one.file))
        assert.equal(
          readdirSync(join(top, 'scratch-one')).filter((name) => name !== 'mke2fs.conf'),
          [],
        )
        if (boot === 'none') assert.is(one.kernel, undefined)
        else assert.is(readFileSync(one.kernel ?? '', 'utf8') + readFileSync(one.initrd ?? '', 'utf8'), 'kernelinitrd')
      })
    })
  }
}

testBuild('tar and tar.gz have everything; a gzip member a file', async () => {
  await withTrees(async (space, top, [tree]) => {
    const tar = await make(space, top, tree, { fileType: '.tar', boot: 'none', imageBytes: 0 }, 'tar')
    const gz = await make(space, top, tree, { fileType: '.tar.gz', boot: 'none', imageBytes: 0 }, 'gz')
    assert.ok(gunzipSync(readFileSync(gz.file)).equals(readFileSync(tar.file)))
    tool('gzip', ['-t', gz.file])
    const listing = tool('tar', ['--numeric-owner', '-tvf', tar.file])
    assert.match(listing, /-rwsr-xr-x 12\/34 +1 2020-01-01 00:00 \.\/etc\/su/)
    assert.match(listing, /crw.* 1,3 .*\.\/etc\/null/)
    assert.match(listing, /file-1 link to \.\/usr\/share\/again|again link to \.\/usr\/share\/file-1/)
    mkdirSync(join(top, 'out'))
    tool('tar', ['-xpf', gz.file, '--xattrs', '--xattrs-include=*', '-C', join(top, 'out')])
    assert.match(tool('getcap', [join(top, 'out/etc/capable')]), /cap_net_raw=ep/)
    tool('diff', ['-r', '--no-dereference', '--exclude=null', tree, join(top, 'out')])
    const file = await open(gz.file)
    try {
      const cuts = await gzipCuts(fileReader(file, (await file.stat()).size), 65536)
      assert.is(cuts.cutter, 'gzip-members')
      assert.ok([...cuts.lengths()].length > NAMES.length)
    } finally {
      await file.close()
    }
  })
})

testBuild('ext4 is sound, has all that the tree has, and all times of an inode are its mtime', async () => {
  await withTrees(async (space, top, [tree]) => {
    const { file } = await make(space, top, tree, { fileType: '.img', boot: 'none', imageBytes: 64 * MIB }, 'img')
    tool('e2fsck', ['-fn', file])
    const stat = tool('debugfs', ['-R', 'stat /etc/su', file])
    assert.match(stat, /Mode: +04755[\s\S]*User: +12 +Group: +34/)
    const times = [...stat.matchAll(/[acm]time: 0x([0-9a-f]+)|crtime: 0x([0-9a-f]+)/g)].map(
      (match) => match[1] ?? match[2],
    )
    assert.equal(new Set(times), new Set(['5e0be100']))
    assert.match(tool('debugfs', ['-R', 'ea_list /etc/capable', file]), /security\.capability/)
    assert.match(tool('debugfs', ['-R', 'stat /usr/share/again', file]), /Links: 2/)
    assert.ok(Number(tool('stat', ['-c', '%b', file])) * 512 < 16 * MIB)
  })
})

testBuild('a disk for UEFI has a sound table, EFI partition and root', async () => {
  await withTrees(async (space, top, [tree]) => {
    const { file } = await make(space, top, tree, { fileType: '.img', boot: 'uefi', imageBytes: 320 * MIB }, 'img')
    const table = JSON.parse(tool('sfdisk', ['--json', file])).partitiontable
    assert.equal(
      table.partitions.map(({ start, name }: { start: number; name: string }) => [start * 512, name]),
      [
        [MIB, 'EFI'],
        [257 * MIB, 'root'],
      ],
    )
    tool('sfdisk', ['--verify', file])
    tool('dd', [`if=${file}`, `of=${top}/esp`, 'bs=1M', 'skip=1', 'count=256', 'status=none'])
    tool('fsck.fat', ['-n', join(top, 'esp')])
    tool('dd', [`if=${file}`, `of=${top}/root`, 'bs=1M', 'skip=257', 'count=62', 'status=none'])
    tool('e2fsck', ['-fn', join(top, 'root')])
    tool('mcopy', ['-i', `${file}@@${MIB}`, '::/EFI/BOOT/BOOTX64.EFI', join(top, 'uki')])
    tool('objcopy', [
      '--dump-section',
      `.linux=${top}/linux`,
      '--dump-section',
      `.cmdline=${top}/cmdline`,
      join(top, 'uki'),
    ])
    assert.match(readFileSync(join(top, 'linux'), 'utf8'), /^kernel/)
    assert.match(readFileSync(join(top, 'cmdline'), 'utf8'), /^root=UUID=\S+ rw console=tty0 console=ttyS0/)
  })
})

testBuild('an image that is too small says so, and so does one that is to boot and has no kernel', async () => {
  await withTrees(async (space, top, [tree]) => {
    writeFileSync(join(tree, 'large'), Buffer.alloc(80 * MIB, 1))
    const small = make(space, top, tree, { fileType: '.img', boot: 'none', imageBytes: 64 * MIB }, 'small')
    const failure = await rejectsCode('BAD_CONFIG', small)
    assert.is(failure.message, 'the image is too small for its files: 64 MiB')
    const tiny = make(space, top, tree, { fileType: '.img', boot: 'uefi', imageBytes: 64 * MIB }, 'tiny')
    await rejectsCode('BAD_CONFIG', tiny)
    const free = await make(space, top, tree, { fileType: '.img', boot: 'none', imageBytes: 0 }, 'free')
    tool('e2fsck', ['-fn', free.file])
    mkdirSync(join(top, 'empty'))
    await rejectsCode('NO_BOOT', findKernel(join(top, 'empty')))
  })
})

testBuild('CRC-32C as in RFC 3720, appendix B.4', () => {
  const of = (bytes: Uint8Array) => (crc32c(0xffffffff, bytes) ^ 0xffffffff) >>> 0
  assert.is(of(new Uint8Array(32)), 0x8a9136aa)
  assert.is(of(new Uint8Array(32).fill(0xff)), 0x62a8ab43)
  assert.is(of(Uint8Array.from({ length: 32 }, (_none, i) => i)), 0x46dd794e)
})

test.run()
