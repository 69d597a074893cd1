/** The whole way with the real tools: a site's class, a request, an image, a worker that has it. */
import { createHash } from 'node:crypto'
import { readFileSync, statSync } from 'node:fs'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { type FarmProcess, farmCommandOf, startFarmProcess } from '../support/farm/farm-process.ts'
import { sameBytes } from '../support/images.ts'
import { fetchOn, startNode } from '../support/nodes.ts'
import { mainProgram } from '../support/program.ts'
import { withDirectory } from '../support/temporary.ts'
import { testWith, tool } from '../support/tools.ts'

const CLASS = `
title: Essential packages of Debian 12
family: debian
release: bookworm
variant: essential
architectures: [amd64]
components: [main]
`

async function farmWithClass(directory: string): Promise<FarmProcess> {
  const site = join(directory, 'site')
  await mkdir(join(site, 'classes'), { recursive: true })
  await writeFile(join(site, 'classes', 'tiny.yaml'), CLASS)
  return startFarmProcess(join(directory, 'farm'), [], mainProgram(), `  catalog: [${site}]\n`)
}

testWith(
  'mmdebstrap',
  'mke2fs',
  'unshare',
)('a request becomes an image with its packages, and a worker has it', () =>
  withDirectory(async (directory) => {
    const farm = await farmWithClass(directory)
    const worker = await startNode({ home: join(directory, 'w'), bootstrap: [farm.address], trust: [farm.peer] })
    const build = async (xml: string) => {
      const file = join(directory, 'request.xml')
      await writeFile(file, `<image>${xml}</image>`)
      return farmCommandOf(mainProgram(), farm.home, 'build', file, '--wait', '--json')
    }
    const made = async (xml: string) => {
      const { status, stdout, stderr } = await build(xml)
      assert.is(status, 0, stdout + stderr)
      return JSON.parse(stdout)
    }
    try {
      const { image } = await made('<name>tree</name><class>tiny</class><package>less</package>')
      assert.is(createHash('sha256').update(readFileSync(image.path)).digest('hex'), image.sha256)
      assert.match(tool('tar', ['-tf', image.path]), /^\.\/usr\/bin\/less$/m)
      const sbom = await farm.ask(`/api/images/${image.key}/files/sbom.cdx.json`)
      const { components } = (await sbom.json()) as { components: { name: string; hashes?: object[] }[] }
      assert.is(components.find(({ name }) => name === 'less')?.hashes?.length, 1)
      const report = await fetchOn(worker, 'tree')
      assert.is(report.root, image.root)
      assert.ok(await sameBytes(report.path, image.path))

      const again = await made('<name>tree</name><package> less </package><class>tiny</class><arch>x86_64</arch>')
      assert.is(again.build, undefined, 'the same request is the same image')
      assert.is(again.image.key, image.key)

      const disk = await made(
        '<name>disk</name><class>tiny</class><package>less</package><filetype>.img</filetype><size>600M</size>',
      )
      assert.equal(
        disk.image.stages.map(({ stage, hit }: { stage: string; hit: boolean }) => `${stage} ${hit}`),
        ['base true', 'packages true'],
      )
      assert.is(statSync(disk.image.path).size, 600 * 1024 * 1024)
      const { hotBytes, coldBytes } = await fetchOn(worker, 'disk')
      assert.ok(hotBytes > 9 * coldBytes, `the files of the archive are hot in the disk: ${hotBytes}, ${coldBytes}`)

      const failed = await build('<name>none</name><class>tiny</class><package>no-such-package</package>')
      assert.is(JSON.parse(failed.stdout || failed.stderr).error.code, 'NO_SUCH_PACKAGE')
      const list = JSON.parse((await farmCommandOf(mainProgram(), farm.home, 'list', '--json')).stdout)
      assert.equal(list.images.map(({ name }: { name: string }) => name).sort(), ['disk', 'tree'])
    } finally {
      await Promise.all([worker.stop(), farm.stop()])
    }
  }),
)

test.run()
