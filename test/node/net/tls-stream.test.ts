/** What TlsMessageStream does with the bytes that it is given. */
import { EventEmitter } from 'node:events'
import { setImmediate } from 'node:timers/promises'
import { Uint8ArrayList } from 'uint8arraylist'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { TlsMessageStream } from '../../../node/net/tls/stream.ts'

class FullSocket extends EventEmitter {
  readonly written: Buffer[] = []
  readonly chunks: { bytes: Uint8Array; done: () => void }[] = []

  cork(): void {}
  uncork(): void {}

  /** As one whose peer reads nothing. */
  write(bytes: Uint8Array, done: () => void): boolean {
    this.written.push(Buffer.from(bytes))
    this.chunks.push({ bytes, done })
    return false
  }
}

function streamOver(socket: FullSocket): TlsMessageStream {
  const log = Object.assign(() => {}, { trace() {}, error() {} })
  const connection = Object.assign(new EventTarget(), { log, direction: 'outbound' })
  return new TlsMessageStream(connection as never, socket as never)
}

test('what is given is copied at once, also where it has to wait', async () => {
  const socket = new FullSocket()
  const stream = streamOver(socket)
  const sent = ['first', 'second', 'third'].map((text) => Buffer.from(text))
  stream.send(sent[0]!)
  assert.is(stream.send(new Uint8ArrayList(sent[1]!.subarray(0, 2), sent[1]!.subarray(2))), false)
  stream.send(sent[2]!)
  for (const bytes of sent) bytes.fill(0)
  assert.is(socket.written.length, 1)
  socket.emit('drain')
  await setImmediate()
  assert.is(Buffer.concat(socket.written).toString(), 'firstsecondthird')
})

test('a copy is given back when the socket is done with it', () => {
  const socket = new FullSocket()
  streamOver(socket).send(Buffer.alloc(100_000, 1))
  const [{ bytes, done }] = socket.chunks as [FullSocket['chunks'][0]]
  assert.is(bytes.length, 100_000)
  done()
  assert.is(bytes.length, 0)
})

test.run()
