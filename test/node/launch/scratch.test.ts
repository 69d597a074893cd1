/** Directories of launches: in use as long as anybody has the lock, and gone with the next launch after that. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, readdir, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { openScratch, sweep } from '../../../node/launch/scratch.ts'
import { rejectsCode } from '../../support/failures.ts'
import { withDirectory } from '../../support/temporary.ts'
import { testWith } from '../../support/tools.ts'

const testLock = testWith('flock')

testLock('it is there until it is removed, whatever others start meanwhile', () =>
  withDirectory(async (directory) => {
    const top = join(directory, 'overlays')
    const [one, two] = [await openScratch(top), await openScratch(top)]
    await writeFile(join(one.path, 'overlay'), 'x')
    assert.is((await readdir(top)).length, 2)
    assert.is(await sweep(top), 0)
    await one.remove()
    assert.equal(await readdir(top), [two.path.slice(top.length + 1)])
    await two.remove()
    assert.equal(await readdir(top), [])
  }),
)

testLock('a command that has the lock keeps the directory, also when launch has died', () =>
  withDirectory(async (directory) => {
    // Opens a scratch, hands its lock to a command, and dies.
    const program = `
      import { spawn } from 'node:child_process'
      import { openScratch } from ${JSON.stringify(join(import.meta.dirname, '../../../node/launch/scratch.ts'))}
      const { lock } = await openScratch(process.argv[2])
      const { pid } = spawn('sleep', ['60'], { stdio: ['ignore', 'ignore', 'ignore', lock], detached: true })
      process.stdout.write(String(pid), () => process.kill(process.pid, 'SIGKILL'))`
    const file = join(directory, 'program.mts')
    await writeFile(file, program)
    const top = join(directory, 'overlays')
    const child = spawn(process.execPath, [file, top], { stdio: ['ignore', 'pipe', 'inherit'] })
    let text = ''
    child.stdout.setEncoding('utf8').on('data', (piece: string) => {
      text += piece
    })
    await once(child, 'close')
    const sleeper = Number(text)
    assert.ok(sleeper > 1)
    assert.is((await readdir(top)).length, 1)
    assert.is(await sweep(top), 0, 'the command lives')
    process.kill(sleeper, 'SIGKILL')
    for (let i = 0; i < 100 && (await sweep(top)) === 0; i++) await new Promise((resolve) => setTimeout(resolve, 20))
    assert.equal(await readdir(top), [])
  }),
)

testLock('only directories of launches are swept, and one that is being made is left alone', () =>
  withDirectory(async (top) => {
    await mkdir(join(top, 'photos'))
    await mkdir(join(top, 'new-0123456789abcdef'))
    await mkdir(join(top, 'new-fedcba9876543210'))
    await utimes(join(top, 'new-fedcba9876543210'), 0, 0)
    await mkdir(join(top, '0123456789abcdef'))
    await writeFile(join(top, '00000000000000ff'), 'a file')
    await mkdir(join(top, '1111111111111111'))
    await writeFile(join(top, '1111111111111111', 'lock'), '')
    assert.is(await sweep(top), 2)
    assert.equal((await readdir(top)).sort(), [
      '00000000000000ff',
      '0123456789abcdef',
      'new-0123456789abcdef',
      'photos',
    ])
    await rejectsCode('BAD_FILE', openScratch(join(top, '00000000000000ff')))
    await rejectsCode('NO_SUCH_FILE', openScratch(join(top, '00000000000000ff', 'x')))
  }),
)

test.run()
