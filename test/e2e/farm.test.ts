/** A farm as a process: its commands, a worker that fetches what it made, kill -9 in the middle of builds. */
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { type FarmProcess, farmCommand, startFarmProcess } from '../support/farm/farm-process.ts'
import { sameBytes } from '../support/images.ts'
import { fetchOn, startNode } from '../support/nodes.ts'
import { withDirectory } from '../support/temporary.ts'

async function withFarm(use: (farm: FarmProcess, directory: string) => Promise<void>): Promise<void> {
  await withDirectory(async (directory) => {
    const farm = await startFarmProcess(join(directory, 'farm'))
    try {
      await use(farm, directory)
    } finally {
      await farm.stop()
    }
  })
}

async function configuration(directory: string, raw: Readonly<Record<string, string>>): Promise<string> {
  const path = join(directory, 'config.xml')
  const elements = Object.entries({ class: 'debian-12', ...raw }).map(([name, text]) => `<${name}>${text}</${name}>`)
  await writeFile(path, `<image>${elements.join('')}</image>\n`)
  return path
}

test('a configuration becomes an image that a worker fetches by its name', () =>
  withFarm(async (farm, directory) => {
    const config = await configuration(directory, { name: 'made', filetype: '.img' })
    const output = join(directory, 'copy.img')
    const build = await farmCommand(farm.home, 'build', config, '--output', output, '--json')
    assert.is(build.status, 0, build.stderr)
    const { image } = JSON.parse(build.stdout)
    assert.is(image.name, 'made')
    assert.ok(sameBytes(output, image.path))
    assert.is(statSync(image.path).mode & 0o222, 0, "the store's file is read-only")
    assert.equal(readdirSync(join(farm.home, 'farm', 'work', 'jobs')), [])
    const worker = await startNode({
      home: join(directory, 'w'),
      bootstrap: [farm.address],
      trust: [farm.peer],
    })
    try {
      const report = await fetchOn(worker, 'made')
      assert.is(report.root, image.root)
      assert.ok(sameBytes(report.path, output))
      const [row] = await worker.api.images({ mesh: true })
      assert.equal([row?.name, row?.builder, row?.sequence], ['made', farm.peer, 1])
    } finally {
      await worker.stop()
    }
    const again = await farmCommand(farm.home, 'build', config)
    assert.match(again.stdout, /was there already/)
    const list = await farmCommand(farm.home, 'list', '--json')
    assert.is(JSON.parse(list.stdout).images.length, 1)
    assert.match((await farmCommand(farm.home, 'list')).stdout, /made +debian-12 +amd64 +\.img/)
    assert.match((await farmCommand(farm.home, 'stages', 'made')).stdout, /base +miss/)
    assert.match((await farmCommand(farm.home, 'log', 'made')).stdout, /published made: bafy/)
    assert.match((await farmCommand(farm.home, 'log', '1', '--follow')).stdout, /ready\n$/)
    const removed = await farmCommand(farm.home, 'rm', 'made')
    assert.is(removed.status, 0, removed.stderr)
    assert.not.ok(existsSync(image.path), "the node's image is gone too")
    assert.is((await farmCommand(farm.home, 'rm', 'made')).status, 4)
  }))

test('failures reach the command line with code, status and words of the tool', () =>
  withFarm(async (farm, directory) => {
    const bad = await farmCommand(farm.home, 'build', await configuration(directory, { class: 'nt4' }), '--json')
    assert.equal([bad.status, JSON.parse(bad.stdout).error.code], [2, 'BAD_REQUEST'])
    assert.match(bad.stderr, /there is no class/)
    const config = await configuration(directory, { name: 'x', package: 'fail-no-space' })
    const failed = await farmCommand(farm.home, 'build', config, '--wait')
    assert.is(failed.status, 6)
    assert.match(failed.stderr, /NO_SPACE: the tool failed/)
    assert.match((await farmCommand(farm.home, 'log')).stdout, /E: the tool said/)
    assert.is((await farmCommand(farm.home, 'log', '1', '--follow')).status, 6)
    assert.is((await farmCommand(farm.home, 'cancel', '1')).status, 5)
    assert.is((await farmCommand(farm.home, 'cancel', '77')).status, 4)
    assert.is((await farmCommand(farm.home, 'cancel', 'x')).status, 2)
    assert.is((await farmCommand(farm.home, 'build', join(directory, 'none.xml'))).status, 4)
    assert.is((await farmCommand(join(directory, 'nobody'), 'list')).status, 3)
    const running = await configuration(directory, { name: 'y', package: 'forever' })
    assert.match((await farmCommand(farm.home, 'build', running)).stdout, /build +2, (queued|building)/)
    const cancelled = await farmCommand(farm.home, 'cancel', '2', '--json')
    assert.is(cancelled.status, 0, cancelled.stderr)
    assert.is((await farmCommand(farm.home, 'log', '2', '--follow')).status, 12)
  }))

test('after kill -9 the interrupted build is said and runs again; what waited still waits; nothing is half-made', () =>
  withDirectory(async (directory) => {
    const home = join(directory, 'farm')
    let farm = await startFarmProcess(home)
    const post = async (raw: object) => {
      const headers = { 'content-type': 'application/json' }
      const answer = await farm.ask('/api/builds', { method: 'POST', headers, body: JSON.stringify(raw) })
      return (await answer.json()) as { build: { id: number; state: string } }
    }
    const { build } = await post({ class: 'debian-12', name: 'first', packages: ['slow'] })
    const { build: waiting } = await post({ class: 'debian-12', name: 'second', packages: ['slow'] })
    await new Promise((resolve) => setTimeout(resolve, 400))
    await farm.kill()
    assert.is(readdirSync(join(home, 'farm', 'work', 'jobs')).length, 1)
    farm = await startFarmProcess(home)
    try {
      const now = await farm
        .ask(`/api/builds/${build.id}`)
        .then((answer) => answer.json() as Promise<{ attempts: number }>)
      assert.ok(now.attempts >= 1)
      assert.match(
        (await farmCommand(home, 'log', String(build.id), '--follow')).stdout,
        /the farm ended during the build; it runs again/,
      )
      assert.is((await farmCommand(home, 'log', String(waiting.id), '--follow')).status, 0)
      const events = readFileSync(join(home, 'farm', 'events.jsonl'), 'utf8')
      assert.match(events, /"kind":"interrupted"/)
      const { images } = (await farm.ask('/api/images').then((answer) => answer.json())) as {
        images: { name: string }[]
      }
      assert.equal(images.map(({ name }) => name).sort(), ['first', 'second'])
      assert.equal(readdirSync(join(home, 'farm', 'work', 'jobs')), [])
      assert.equal(
        readdirSync(join(home, 'farm', 'repository')).filter((name) => name.startsWith('.')),
        [],
      )
    } finally {
      await farm.stop()
    }
  }))

test('a farm says what it lacks before it does anything', () =>
  withDirectory(async (directory) => {
    const farm = await startFarmProcess(join(directory, 'farm'))
    const port = new URL(farm.url).port
    const home = join(directory, 'other')
    for (const [flags, status] of [
      [['--listen-http', `127.0.0.1:${port}`], 9],
      [['--listen-http', 'evil'], 2],
      [['--public-url', 'ftp://x/'], 2],
      [['--parallel', '0'], 2],
      [['--token-file', join(directory, 'none')], 4],
    ] as const) {
      const args = ['--listen', '/ip4/127.0.0.1/tcp/0', '--log-level', 'silent', ...flags]
      assert.is((await farmCommand(home, ...args)).status, status, flags.join(' '))
    }
    await farm.stop()
  }))

test.run()
