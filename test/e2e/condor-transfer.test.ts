/**
 * HTCondor's file transfer plugin for hotblock:// with a real daemon, by the manual's "Enabling the Transfer of Files Specified
 * by a URL" and src/condor_examples/filetransfer_example_plugin.py of HTCondor's source: -classad tells what it can;
 * -infile and -outfile name files of ClassAds; status 0 where all went well.
 */
import { randomBytes } from 'node:crypto'
import { chmod, chown, mkdir, readFile, stat, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { run, sameBytes } from '../support/images.ts'
import { ROOT_RIGHTS } from '../support/needed.ts'
import { publishOn, type RunningNode, startNode } from '../support/nodes.ts'
import { type HookRun, runHook } from '../support/scheduler-hooks.ts'
import { ROOT } from '../support/sources.ts'
import { withDirectory } from '../support/temporary.ts'
import { testWith } from '../support/tools.ts'

const MIB = 1024 * 1024
const NOBODY = 65_534

interface Plugin {
  readonly node: RunningNode
  readonly directory: string
  readonly image: string
  readonly outfile: string
  transfer(ads: string, ...more: string[]): Promise<HookRun>
  call(...args: string[]): Promise<HookRun>
  set(name: string, value: string): Promise<void>
}

function withPlugin(use: (plugin: Plugin) => Promise<void>): Promise<void> {
  return withDirectory(async (directory) => {
    // Others than root go through it.
    await chmod(directory, 0o755)
    const node = await startNode({ home: join(directory, 'h') })
    try {
      const image = join(directory, 'disk.img')
      await writeFile(image, Buffer.concat([randomBytes(MIB), Buffer.alloc(MIB), randomBytes(MIB)]))
      await publishOn(node, image, 'disk')
      const program = join(directory, 'hotblock')
      await writeFile(program, `#!/bin/sh\nexec ${process.execPath} ${join(ROOT, 'node', 'main.ts')} "$@"\n`)
      await chmod(program, 0o755)
      const [to, config] = [join(directory, 'hooks'), join(directory, 'config.d')]
      await mkdir(config)
      const install = join(ROOT, 'node', 'hooks', 'htcondor', 'install.sh')
      const flags = ['--dir', to, '--config-dir', config, '--hotblock', program, '--home', node.home]
      await run('sh', [install, ...flags])
      const [infile, outfile] = [join(directory, 'in'), join(directory, 'out')]
      const call = (...args: string[]) => runHook(join(to, 'transfer-plugin.sh'), { args, stdin: { kind: 'open' } })
      await use({
        node,
        directory,
        image,
        outfile,
        call,
        async transfer(ads, ...more) {
          await writeFile(infile, ads)
          return call('-infile', infile, '-outfile', outfile, ...more)
        },
        async set(name, value) {
          const conf = join(to, 'hotblock.conf')
          await writeFile(conf, `${await readFile(conf, 'utf8')}\n${name}=${value}\n`)
        },
      })
    } finally {
      await node.stop()
    }
  })
}

const ad = (name: string, file: string): string => `[ LocalFileName = "${file}"; Url = "hotblock://${name}" ]\n`

testWith(ROOT_RIGHTS, 'setpriv')('the plugin of HTCondor', () =>
  withPlugin(async (plugin) => {
    const { directory, image, outfile, transfer, call } = plugin
    const sandbox = join(directory, 'sandbox')
    await mkdir(sandbox)

    const about = await call('-classad')
    assert.is(about.status, 0)
    assert.equal(about.stdout.trim().split('\n').sort(), [
      'MultipleFileSupport = true',
      'PluginType = "FileTransfer"',
      'PluginVersion = "1.0"',
      'ProtocolVersion = 2',
      'SupportedMethods = "hotblock"',
    ])

    const [one, two] = [join(sandbox, 'disk'), join(sandbox, 'with space')]
    const done = await transfer(ad('disk', one) + ad('disk', two))
    assert.is(done.status, 0, done.stderr)
    const told = (await readFile(outfile, 'utf8')).trim().split('\n')
    assert.is(told.length, 2)
    for (const line of told) {
      assert.match(line, /^\[ TransferSuccess = true; TransferFileName = "[^"]+"; TransferFileBytes = 3145728; /)
      assert.match(line, /TransferUrl = "hotblock:\/\/disk"; TransferProtocol = "hotblock"; TransferType = "download"/)
      assert.match(line, /TransferStartTime = \d{10}; TransferEndTime = \d{10}; ConnectionTimeSeconds = [\d.]+ \]$/)
    }
    assert.ok(await sameBytes(one, image))
    assert.ok((await stat(two)).blocks * 512 < 2.5 * MIB, 'holes stay holes')
    assert.ok(((await stat(one)).mode & 0o200) !== 0, 'the job may write to it')

    // A job's directory is its user's, who may have put anything there.
    const theirs = join(directory, 'theirs')
    await mkdir(theirs)
    await chown(theirs, NOBODY, NOBODY)
    const secret = join(directory, 'secret')
    await writeFile(secret, 'secret', { mode: 0o600 })
    await symlink(secret, join(theirs, 'link'))
    assert.is((await transfer(ad('disk', join(theirs, 'disk')))).status, 0)
    assert.is((await stat(join(theirs, 'disk'))).uid, NOBODY)
    assert.is((await transfer(ad('disk', join(theirs, 'link')))).status, 1)
    assert.match(
      await readFile(outfile, 'utf8'),
      /TransferSuccess = false; TransferError = "hotblock: BAD_FILE: .*denied/,
    )
    assert.is(await readFile(secret, 'utf8'), 'secret')

    // What fails says why, and the rest is not begun.
    await plugin.set('HOTBLOCK_TRANSFER_SECONDS', '1')
    for (const [ads, code] of [
      [ad('nobody-has-this', one), 'NOT_FOUND'],
      [ad('../../etc/passwd', one), 'BAD_NAME'],
      [ad('disk', 'relative'), 'BAD_FILE'],
      [ad('disk', join(directory, 'absent', 'x')), 'NO_SUCH_FILE'],
      ['no ClassAd', 'BAD_FILE'],
      [ad('nobody-has-this', one) + ad('disk', one), 'NOT_FOUND'],
    ] as const) {
      const { status, ms } = await transfer(ads)
      assert.is(status, 1, ads)
      assert.ok(ms < 20_000)
      const lines = (await readFile(outfile, 'utf8')).trim().split('\n')
      assert.is(lines.length, 1, ads)
      assert.match(
        lines[0] ?? '',
        new RegExp(`^\\[ TransferSuccess = false; TransferError = "hotblock: ${code}: `),
        ads,
      )
    }
    assert.is((await transfer(ad('disk', one), '-upload')).status, 1)
    assert.match(await readFile(outfile, 'utf8'), /TransferType = "upload"/)
    assert.is.not((await call('hotblock://disk', one)).status, 0, 'the protocol of single files is not spoken')

    await plugin.node.kill()
    assert.is((await transfer(ad('disk', one))).status, 1)
    assert.match(await readFile(outfile, 'utf8'), /NO_DAEMON/)
  }),
)

test.run()
