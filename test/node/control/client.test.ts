/** The control API's client before daemons that are late, broken or hostile. */
import { createServer, type Server } from 'node:net'
import { test } from 'uvu'
import { connectControl } from '../../../node/control/client.ts'
import { socketPath } from '../../../node/control/socket.ts'
import { withControl } from '../../support/control.ts'
import { rejectsCode } from '../../support/failures.ts'
import { withDirectory } from '../../support/temporary.ts'

const none = () => {}

test('a daemon that does not answer in time', async () => {
  const never = () => new Promise<never>(() => {})
  await withControl({ status: never }, async (_client, _calls, home) => {
    const client = connectControl(home, { callTimeoutMs: 50 })
    await rejectsCode('TIMEOUT', client.status())
    await client.close()
  })
})

const answer = (body: string, status = '200 OK') => {
  return `HTTP/1.1 ${status}\r\nContent-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`
}

for (const [what, bytes, short, long] of [
  ['no JSON', answer('<html>'), 'INTERNAL', 'INTERNAL'],
  ['a number', answer('17'), 'INTERNAL', 'INTERNAL'],
  ['an array', answer('[]'), 'INTERNAL', 'INTERNAL'],
  ['an object without meaning', answer('{"x":{}}\n'), undefined, 'INTERNAL'],
  [
    'a failure of an unknown code',
    answer('{"error":{"code":"toString","message":"m"}}', '500 X'),
    'INTERNAL',
    'INTERNAL',
  ],
  ['a failure without a message', answer('{"error":{"code":"USAGE"}}', '500 X'), 'INTERNAL', 'INTERNAL'],
  ['a status without a body', answer('', '500 X'), 'INTERNAL', 'INTERNAL'],
  ['no HTTP', 'SSH-2.0-x\r\n\r\n', 'INTERNAL', 'INTERNAL'],
  ['nothing', '', 'NO_DAEMON', 'NO_DAEMON'],
  ['an answer that is cut off', answer('{"progress":{}}\n{"result":{}}').slice(0, -3), 'NO_DAEMON', 'NO_DAEMON'],
  [
    'a daemon that dies in a stream',
    'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n10\r\n{"progress":{}}\n\r\n',
    'NO_DAEMON',
    'NO_DAEMON',
  ],
  ['a stream without an end', answer('{"progress":{}}\n'), undefined, 'NO_DAEMON'],
] as const) {
  test(`hostile or broken daemons: ${what}`, async () => {
    await withDirectory(async (home) => {
      const server = await listening(home, bytes)
      const client = connectControl(home)
      try {
        if (short !== undefined) await rejectsCode(short, client.status())
        await rejectsCode(long, client.fetch('a', {}, none, new AbortController().signal))
      } finally {
        await client.close()
        await new Promise((resolve) => server.close(resolve))
      }
    })
  })
}

/** A server that says `bytes` to everybody who has asked something. */
async function listening(home: string, bytes: string): Promise<Server> {
  const server = createServer((socket) => {
    socket.on('error', none)
    socket.once('data', () => socket.end(bytes))
  })
  await new Promise<void>((resolve) => server.listen(socketPath(home), resolve))
  return server
}

test.run()
