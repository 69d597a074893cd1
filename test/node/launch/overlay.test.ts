/** Overlays are made by the real qemu-img and on real file systems; the image below keeps its bytes. */
import { randomBytes } from 'node:crypto'
import { chmod, copyFile, mkdir, open, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { makeOverlay } from '../../../node/launch/overlay.ts'
import { rejectsCode } from '../../support/failures.ts'
import { withFileSystem } from '../../support/file-systems.ts'
import { ROOT_RIGHTS } from '../../support/needed.ts'
import { withDirectory } from '../../support/temporary.ts'
import { testWith, tool } from '../../support/tools.ts'

const MIB = 1024 * 1024

interface Info {
  format: string
  'virtual-size': number
  'full-backing-filename'?: string
  'backing-filename-format'?: string
}

function infoOf(path: string): Info {
  return JSON.parse(tool('qemu-img', ['info', '--output=json', path])) as Info
}

/** As the store keeps it: read-only. */
async function image(path: string, bytes = randomBytes(MIB)): Promise<string> {
  await writeFile(path, bytes)
  await chmod(path, 0o444)
  return path
}

testWith('qemu-img')('a qcow2 overlay names the image and its format, and takes all writes', () =>
  withDirectory(async (directory) => {
    // A comma ends a value in qemu's options, but not here.
    const home = join(directory, 'a,b')
    await mkdir(home)
    const path = await image(join(home, 'image'))
    const before = await readFile(path)
    const overlay = await makeOverlay({ path, format: 'raw' }, 'qcow2', join(home, 'overlay'))
    assert.equal(overlay, { path: join(home, 'overlay'), format: 'qcow2', kind: 'qcow2' })
    const info = infoOf(overlay.path)
    assert.is(info['full-backing-filename'], path)
    assert.is(info['backing-filename-format'], 'raw')
    assert.is(info['virtual-size'], MIB)
    assert.is((await stat(overlay.path)).mode & 0o777, 0o600)
    const seed = join(directory, 'new')
    await writeFile(seed, randomBytes(MIB))
    tool('qemu-img', ['convert', '-n', '-f', 'raw', '-O', 'qcow2', seed, overlay.path])
    tool('qemu-img', ['compare', '-f', 'raw', '-F', 'qcow2', seed, overlay.path])
    assert.ok(before.equals(await readFile(path)), 'the image has its bytes')
  }),
)

testWith('qemu-img')('a raw disk whose first bytes look like qcow2 is a raw disk', () =>
  withDirectory(async (directory) => {
    const bait = join(directory, 'bait')
    await writeFile(join(directory, 'secret'), 'secret')
    tool('qemu-img', ['create', '-q', '-f', 'qcow2', '-F', 'raw', '-b', join(directory, 'secret'), bait, '1M'])
    const path = await image(join(directory, 'image'), await readFile(bait))
    const overlay = await makeOverlay({ path, format: 'raw' }, 'auto', join(directory, 'overlay'))
    const raw = join(directory, 'raw')
    tool('qemu-img', ['convert', '-f', overlay.format, '-O', 'raw', overlay.path, raw])
    // qemu-img rounds up to whole sectors.
    const { size } = await stat(path)
    assert.ok((await readFile(raw)).subarray(0, size).equals(await readFile(path)))
  }),
)

testWith('qemu-img')('a qcow2 is taken over, unless it leads to other files', () =>
  withDirectory(async (directory) => {
    const at = (name: string) => join(directory, name)
    tool('qemu-img', ['create', '-q', '-f', 'qcow2', at('good'), '1M'])
    const overlay = await makeOverlay({ path: at('good'), format: 'qcow2' }, 'qcow2', at('over-good'))
    assert.is(infoOf(overlay.path)['backing-filename-format'], 'qcow2')

    await writeFile(at('secret'), randomBytes(MIB))
    tool('qemu-img', ['create', '-q', '-f', 'qcow2', '-F', 'raw', '-b', at('secret'), at('backed')])
    tool('qemu-img', ['create', '-q', '-f', 'qcow2', '-o', `data_file=${at('data')}`, at('elsewhere'), '1M'])
    for (const name of ['backed', 'elsewhere']) {
      for (const kind of ['auto', 'qcow2', 'reflink'] as const) {
        const failure = await rejectsCode('BAD_FILE', makeOverlay({ path: at(name), format: 'qcow2' }, kind, at('no')))
        assert.match(failure.message, /refers to another file/)
      }
    }
    await writeFile(at('broken'), 'QFI\xfb and no more')
    await rejectsCode('BAD_FILE', makeOverlay({ path: at('broken'), format: 'qcow2' }, 'auto', at('no')))
  }),
)

testWith(
  ROOT_RIGHTS,
  'mkfs.xfs',
  'mkfs.ext4',
  'qemu-img',
)('auto clones where the file system can, else makes a qcow2', () =>
  withDirectory(async (directory) => {
    await withFileSystem('xfs', directory, async (root) => {
      const path = await image(join(root, 'image'))
      for (const [kind, to] of [
        ['auto', 'one'],
        ['reflink', 'two'],
      ] as const) {
        const overlay = await makeOverlay({ path, format: 'raw' }, kind, join(root, to))
        assert.equal(overlay, { path: join(root, to), format: 'raw', kind: 'reflink' })
        const handle = await open(overlay.path, 'r+')
        await handle.write(Buffer.alloc(4096, 7), 0, 4096, 4096)
        await handle.close()
        assert.not.ok((await readFile(overlay.path)).equals(await readFile(path)))
      }
      const tar = { path, format: 'tar' }
      assert.is((await makeOverlay(tar, 'auto', join(root, 'three'))).format, 'tar', 'a copy of anything')
      await rejectsCode('BAD_FILE', makeOverlay(tar, 'qcow2', join(root, 'four')))
    })
    await withFileSystem('ext4', directory, async (root) => {
      const path = await image(join(root, 'image'))
      assert.is((await makeOverlay({ path, format: 'raw' }, 'auto', join(root, 'one'))).kind, 'qcow2')
      const failure = await rejectsCode('BAD_FILE', makeOverlay({ path, format: 'raw' }, 'reflink', join(root, 'two')))
      assert.match(failure.message, /no reflink/)
      await rejectsCode('BAD_FILE', makeOverlay({ path, format: 'tar' }, 'auto', join(root, 'three')))
      await copyFile(path, join(directory, 'elsewhere'))
    })
  }),
)

test.run()
