import { connect } from 'node:net'
import { join } from 'node:path'
import { background, freePort, until } from './programs.ts'

/** Offers a directory over HTTP on 127.0.0.1, from a process of its own, for as long as `use` runs. */
export async function withHttpServer<T>(directory: string, use: (url: string, pid: number) => Promise<T>): Promise<T> {
  const port = await freePort()
  const server = background(process.execPath, [join(import.meta.dirname, 'http-server.ts'), directory, String(port)])
  try {
    await until(() => isListening(port), 'the web server listens')
    return await use(`http://127.0.0.1:${port}`, server.pid)
  } finally {
    await server.stop()
  }
}

export async function isListening(port: number): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>()
  const socket = connect(port, '127.0.0.1')
  socket.once('connect', () => resolve(true)).once('error', () => resolve(false))
  const answer = await promise
  socket.destroy()
  return answer
}
