/** The control API through its real socket. */
import { existsSync } from 'node:fs'
import * as assert from 'uvu/assert'
import type { NodeApi } from '../../node/api.ts'
import { connectControl } from '../../node/control/client.ts'
import { startControlServer } from '../../node/control/server.ts'
import { type Call, fakeApi } from './fake-api.ts'
import { withDirectory } from './temporary.ts'

export type Client = ReturnType<typeof connectControl>

/** A fake daemon behind the server, and the client in front of it. */
export async function withControl(
  overrides: Partial<NodeApi>,
  use: (client: Client, calls: Call[], home: string) => Promise<void>,
): Promise<void> {
  await withDirectory(async (home) => {
    const api = fakeApi(overrides)
    const server = await startControlServer({ home, api })
    const client = connectControl(home)
    try {
      await use(client, api.calls, home)
    } finally {
      await client.close()
      await server.close()
    }
    assert.not.ok(existsSync(server.path), 'the socket is removed')
  })
}
