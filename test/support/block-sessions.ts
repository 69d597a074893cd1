/** Sides of a block exchange that say whatever a test wants, over streams in memory. */
import type { Stream } from '@libp2p/interface'
import { streamPair } from '@libp2p/utils'
import * as assert from 'uvu/assert'
import { BlockSession } from '../../protocols/blocks/client.ts'
import { writeMessage } from '../../protocols/blocks/framing.ts'
import { encodeMessage, type ServerHeader } from '../../protocols/blocks/messages.ts'
import { serveBlocks } from '../../protocols/blocks/server.ts'
import { HotblockError } from '../../protocols/errors.ts'
import { MemorySource, recordingEvents, type Told } from './block-source.ts'

export function block(byte: number, length = 100): Uint8Array {
  return new Uint8Array(length).fill(byte)
}

export function codeOf(error: Error | undefined): string | undefined {
  return error instanceof HotblockError ? error.code : error?.name
}

/** A server that says whatever the test wants. */
export async function withServer(
  play: (say: (header: ServerHeader, payload?: Uint8Array) => Promise<void>, server: Stream) => Promise<void>,
): Promise<{ session: BlockSession; told: Told; server: Stream }> {
  const [client, server] = await streamPair()
  const { told, events } = recordingEvents()
  const session = new BlockSession(client, events)
  const say = (header: ServerHeader, payload?: Uint8Array): Promise<void> =>
    writeMessage(server, encodeMessage(header, payload))
  void play(say, server).catch(() => {})
  return { session, told, server }
}

/** What a server does with these bytes of a client. */
export async function served(parts: Uint8Array[]): Promise<{ error: Error | undefined; source: MemorySource }> {
  const source = new MemorySource()
  const [client, server] = await streamPair()
  const { served } = serveOn(server, source)
  for (const part of parts) await writeMessage(client, [part])
  const error = await served
  assert.is(source.sessions, 0, 'nothing of the session is left')
  assert.is(source.tells.size, 0)
  return { error, source }
}

export function serveOn(server: Stream, source: MemorySource): { served: Promise<Error | undefined> } {
  const done = serveBlocks(server, 'client', source).then(
    () => undefined,
    (error: Error) => {
      server.abort(error)
      return error
    },
  )
  return { served: done }
}
