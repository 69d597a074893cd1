import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import * as assert from 'uvu/assert'

/** A socket that nobody listens on, as kill -9 leaves it. */
export function leaveDeadSocket(path: string): void {
  const script = `require('net').createServer().listen(${JSON.stringify(path)}, () => process.kill(process.pid, 'SIGKILL'))`
  spawnSync(process.execPath, ['-e', script])
  assert.ok(existsSync(path), 'the test made its dead socket')
}
