/** What the README says of commands and settings is what there is. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { readSettings } from '../builder/settings.ts'
import { loadConfig } from '../node/config.ts'
import { hotblock } from './support/command-line.ts'
import { ROOT } from './support/sources.ts'

const README = readFileSync(join(ROOT, 'README.md'), 'utf8')

/** Cells of the table that begins with this head. */
function rowsBelow(head: string): string[][] {
  const at = README.indexOf(`\n${head}\n`)
  assert.ok(at !== -1, `no table ${head}`)
  const [, , , ...lines] = README.slice(at).split('\n')
  const end = lines.findIndex((line) => !line.startsWith('|'))
  return lines.slice(0, end).map((line) => {
    return line
      .slice(1, -1)
      .split('|')
      .map((cell) => cell.trim())
  })
}

/** `pin NAME`, `unpin NAME` → pin, unpin */
function commandsOf(cell: string): string[] {
  return [...cell.matchAll(/`([a-z]+)/g)].map(([, name = '']) => name)
}

test('its table of commands names every command, and no other', async () => {
  const { stdout } = await hotblock(['--help'])
  const list = stdout.slice(stdout.indexOf('\nCommands:\n'))
  const commands = [...list.matchAll(/^ {2}([a-z]+)/gm)].map(([, name = '']) => name).filter((name) => name !== 'help')
  assert.ok(commands.length > 15)
  const named = rowsBelow('| command | what it does |').flatMap(([cell = '']) => commandsOf(cell))
  assert.equal(named.sort(), commands.sort())
})

test('its table of settings names every flag of the daemon, and defaults that hold', async () => {
  const { stdout } = await hotblock(['daemon', '--help'])
  const flags = [...stdout.matchAll(/^ {2}(--[a-z-]+)/gm)].map(([, name = '']) => name)
  const rows = rowsBelow('| setting | flag | default | |')
  const named = rows.flatMap(([, flag = '']) => [...flag.matchAll(/--[a-z-]+/g)].map(([name]) => name))
  assert.equal(named.sort(), flags.filter((flag) => !['--config', '--json'].includes(flag)).sort())
  const config = await loadConfig({ defaultHome: '/default', cwd: '/', flags: {} })
  const byName = new Map(rows.map(([name = '', , text = '']) => [name.replaceAll('`', ''), text.replaceAll('`', '')]))
  assert.is(byName.get('hookBits'), String(config.hookBits))
  assert.is(byName.get('logLevel'), config.logLevel)
  assert.is(byName.get('listen'), `[${config.listen}]`)
  assert.is(byName.get('floor'), '1G')
  assert.is(config.floorBytes, 1024 ** 3)
  for (const name of ['quota', 'rateUp', 'rateDown']) assert.is(byName.get(name), 'none')
  assert.equal([config.quotaBytes, config.rateUpBytes, config.rateDownBytes], [undefined, undefined, undefined])
})

test('its tables of the farm name every command and every flag of it', async () => {
  const { stdout } = await hotblock(['farm', '--help'])
  const list = stdout.slice(stdout.indexOf('\nCommands:\n'))
  const commands = [...list.matchAll(/^ {2}([a-z]+)/gm)].map(([, name = '']) => name).filter((name) => name !== 'help')
  const named = rowsBelow('| command of the farm | what it does |').flatMap(([cell = '']) => {
    return [...cell.matchAll(/`farm ([a-z]+)/g)].map(([, name = '']) => name)
  })
  assert.equal(named.sort(), commands.sort())
  const flags = [...stdout.matchAll(/^ {2}(--[a-z-]+)/gm)].map(([, name = '']) => name)
  const { stdout: daemon } = await hotblock(['daemon', '--help'])
  const own = flags.filter((flag) => !daemon.includes(` ${flag} `))
  const rows = rowsBelow('| setting of the farm | flag | default | |')
  assert.equal(
    rows.flatMap(([, flag = '']) => [...flag.matchAll(/--[a-z-]+/g)].map(([name]) => name)).sort(),
    own.sort(),
  )
  const settings = readSettings({}, {}, '/home', '/')
  const byName = new Map(rows.map(([name = '', , text = '']) => [name.replaceAll('`', ''), text.replaceAll('`', '')]))
  for (const name of ['parallel', 'queueMax', 'attempts'] as const) assert.is(byName.get(name), String(settings[name]))
  assert.is(byName.get('floor'), '4G')
  assert.is(settings.floorBytes, 4 * 1024 ** 3)
  assert.is(byName.get('listenHttp'), `${settings.listenHttp.host}:${settings.listenHttp.port}`)
})

test('the commands that it shows are understood', async () => {
  const shown = [...README.matchAll(/^ {4}hotblock (.+)$/gm)].map(([, line = '']) => line.split(' '))
  assert.ok(shown.length > 3)
  for (const [command = '', ...args] of shown) {
    const words = command === 'farm' && /^[a-z]+$/.test(args[0] ?? '') ? [command, args[0] ?? ''] : [command]
    const { status, stdout } = await hotblock([...words, '--help'])
    assert.is(status, 0, command)
    for (const option of args.filter((arg) => arg.startsWith('--'))) assert.ok(stdout.includes(`${option} `), option)
  }
})

test.run()
