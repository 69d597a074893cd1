/** The same configuration twice from nothing: new stages, new indexes, new downloads, another way of keeping stages. */
import { execFileSync } from 'node:child_process'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { FILE_TYPES } from '../../../builder/config/image-config.ts'
import { catalogOf, configOf, TINY } from '../../support/catalog.ts'
import { sha256Of } from '../../support/hashes.ts'
import { maker } from '../../support/making.ts'
import { withDirectory } from '../../support/temporary.ts'
import { testBuild, tool } from '../../support/tools.ts'

const encoder = new TextEncoder()
const config = configOf({
  class: 'tiny',
  appliance: 'greeter',
  packages: ['openssh-server', 'python3-minimal'],
  files: [{ path: '/etc/notice', mode: 0o640, content: encoder.encode('notice\n') }],
  script: 'date > /dev/null; useradd --create-home worker; echo request >> /etc/order; python3 -c "import os"',
})

testBuild('every file type has the same bytes; the tree is what was asked for', async () => {
  await withDirectory(async (top) => {
    const [one, two] = [maker(top, catalogOf(TINY)), maker(top, catalogOf(TINY), { staging: 'copy' })]
    const sums = new Map<string, string>()
    for (const fileType of FILE_TYPES) {
      const imageBytes = fileType.startsWith('.tar') ? 0 : 512 * 1024 ** 2
      const image = await one.build({ ...config, fileType, imageBytes })
      sums.set(fileType, sha256Of(image.file))
      assert.equal(
        image.stages.map(({ stage, hit }) => [stage, hit]),
        ['base', 'groups', 'packages', 'custom'].map((stage) => [stage, fileType !== '.tar']),
      )
      if (fileType === '.tar') checkTree(image.file, image.packages.length)
    }
    for (const fileType of FILE_TYPES) {
      const imageBytes = fileType.startsWith('.tar') ? 0 : 512 * 1024 ** 2
      const image = await two.build({ ...config, fileType, imageBytes })
      assert.is(sha256Of(image.file), sums.get(fileType), fileType)
    }
    assert.ok(one.lines.some((line) => line.startsWith('stage base: miss: never built for tiny amd64')))
    assert.ok(two.lines.some((line) => line.startsWith('stages are kept as copy: nothing quicker')))
    assert.is(execFileSync('findmnt', ['-rn', '-o', 'TARGET'], { encoding: 'utf8' }).includes(top), false)
  })
})

function checkTree(tar: string, packages: number): void {
  const listing = tool('tar', ['--numeric-owner', '-tvf', tar])
  const content = (name: string) => tool('tar', ['-xOf', tar, name])
  assert.ok(packages > 70)
  assert.is(content('./etc/hostname'), 'localhost\n')
  assert.is(content('./etc/resolv.conf'), '')
  assert.is(content('./etc/motd'), 'hello\n')
  assert.is(content('./etc/order'), 'appliance\nrequest\n')
  assert.match(listing, /-rw-r----- 0\/0 +7 .* \.\/etc\/notice\n/)
  assert.match(content('./etc/apt/sources.list'), /^deb http\S+ bookworm main\n/)
  assert.match(content('./etc/passwd'), /^worker:/m)
  // Keys are made at the first boot.
  assert.not.match(listing, /ssh_host_/)
  assert.match(content('./usr/lib/hotblock/first-boot'), /^run 'ssh-keygen -A'$/m)
  assert.match(listing, /sysinit\.target\.wants\/hotblock-first-boot\.service -> /)
  for (const left of ['sbin/policy-rc.d', '/var/log/dpkg.log', 'dpkg.cfg.d/99', '/run/hotblock', '/proc/1', '.deb\n']) {
    assert.not.ok(listing.includes(left), left)
  }
  // Nothing is younger than the packages.
  const today = new Date().toISOString().slice(0, 10)
  assert.not.ok(listing.includes(` ${today} `))
}

test.run()
