import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { TakenMessages } from '../../../protocols/blocks/taken.ts'

class FakeStream extends EventTarget {
  writeBufferLength = 0

  takeAll(): void {
    this.writeBufferLength = 0
    this.dispatchEvent(new Event('idle'))
  }
}

test('each message is said to be taken when the stream holds none of it, in order and once', () => {
  const stream = new FakeStream()
  const taken: string[] = []
  const messages = new TakenMessages(stream)
  const give = (name: string, bytes: number): void => {
    stream.writeBufferLength += bytes
    messages.gave(bytes, () => taken.push(name))
  }
  give('a', 10)
  stream.writeBufferLength = 1
  give('b', 5)
  assert.equal(taken, [])
  stream.writeBufferLength = 5
  messages.gave(0)
  assert.equal(taken, ['a'])
  stream.takeAll()
  assert.equal(taken, ['a', 'b'])
  messages.gave(0)
  give('c', 0)
  assert.equal(taken, ['a', 'b', 'c'])
})

test('what nobody waits for counts all the same', () => {
  const stream = new FakeStream()
  const messages = new TakenMessages(stream)
  let taken = false
  stream.writeBufferLength = 7
  messages.gave(3)
  messages.gave(4, () => {
    taken = true
  })
  stream.writeBufferLength = 4
  messages.gave(0)
  assert.not(taken)
  stream.takeAll()
  assert.ok(taken)
})

test.run()
