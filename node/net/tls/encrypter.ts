/**
 * Encryption of connections by TLS 1.3 as the libp2p specification has it (github.com/libp2p/specs, tls/tls.md), by the
 * socket itself: bytes are encrypted where they leave for the kernel, in OpenSSL, and never lie in pieces before that.
 *
 * Goals: as quick as node:tls; both sides are proven to be the peers that they say they are, as with Noise; other libp2p
 * programs understand it. Which of TLS and Noise a connection has is agreed by multistream-select, which is not protected:
 * who is in the way can choose between the two, but each is as hard to break into, so there is nothing to be won.
 *
 * Non-goals: sessions that are taken up again, early data, certificates of an authority.
 */
import { Socket } from 'node:net'
import { connect, createSecureContext, type SecureContext, TLSSocket } from 'node:tls'
import type {
  ConnectionEncrypter,
  MessageStream,
  PeerId,
  PrivateKey,
  SecureConnectionOptions,
  SecuredConnection,
} from '@libp2p/interface'
import { makeCredentials, peerOfCertificate } from './certificate.ts'
import { TlsMessageStream } from './stream.ts'

export const TLS_PROTOCOL = '/tls/1.0.0'
const ALPN = ['libp2p']
/** AES of 128 bits is quickest where the processor has instructions for it; the last one where it has none. */
const CIPHERS = 'TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256'
/** Bytes that wait for the kernel before the sender is told to wait: more than one message of the muxer. */
const UNSENT_BYTES = 1024 * 1024

/** To be given to libp2p, before others that shall only be used with peers that do not know it. */
export function tls(): (components: { privateKey: PrivateKey }) => ConnectionEncrypter {
  return ({ privateKey }) => {
    let context: Promise<SecureContext> | undefined
    const secure = async (
      connection: MessageStream,
      isServer: boolean,
      options: SecureConnectionOptions,
    ): Promise<SecuredConnection> => {
      context ??= contextOf(privateKey)
      const secureContext = await context
      options.signal?.throwIfAborted()
      const socket = begin(takeSocket(connection), isServer, secureContext)
      try {
        const remotePeer = await shakeHands(socket, isServer, options)
        // What happened to the connection meanwhile, nobody would tell the stream any more.
        if (connection.status !== 'open') throw new Error('the connection closed during the handshake')
        return { connection: new TlsMessageStream(connection, socket), remotePeer }
      } catch (error) {
        socket.destroy()
        throw error
      }
    }
    return {
      protocol: TLS_PROTOCOL,
      secureOutbound: (connection, options = {}) => secure(connection, false, options),
      secureInbound: (connection, options = {}) => secure(connection, true, options),
    }
  }
}

async function contextOf(privateKey: PrivateKey): Promise<SecureContext> {
  const credentials = await makeCredentials(privateKey)
  return createSecureContext({ ...credentials, minVersion: 'TLSv1.3', maxVersion: 'TLSv1.3', ciphers: CIPHERS })
}

/** The TCP socket below a connection, which then hears nothing of it any more but that it has closed. */
function takeSocket(connection: MessageStream): Socket {
  const { socket, readBuffer } = connection as { socket?: unknown; readBuffer?: { byteLength: number } }
  if (!(socket instanceof Socket)) throw new Error('TLS needs a connection that is a TCP socket')
  // The other side waits for this one before it says anything, so nothing honest lies here.
  if (readBuffer !== undefined && readBuffer.byteLength > 0) throw new Error('bytes came before their time')
  for (const event of ['data', 'end', 'drain']) socket.removeAllListeners(event)
  return socket
}

function begin(socket: Socket, isServer: boolean, secureContext: SecureContext): TLSSocket {
  // The certificate is none of an authority: peerOfCertificate looks at it in place of OpenSSL.
  const settings = { secureContext, ALPNProtocols: ALPN, rejectUnauthorized: false, highWaterMark: UNSENT_BYTES }
  const secured = isServer
    ? new TLSSocket(socket, { ...settings, isServer: true, requestCert: true })
    : connect({ ...settings, socket })
  // Whoever waits for something hears of a failure; it must not end the process where nobody does just then.
  return secured.on('error', () => {})
}

/** @returns the peer that the other side is proven to be @throws where it is not the one that is wanted */
async function shakeHands(socket: TLSSocket, isServer: boolean, options: SecureConnectionOptions): Promise<PeerId> {
  await secured(socket, isServer ? 'secure' : 'secureConnect', options.signal)
  if (socket.alpnProtocol !== ALPN[0]) throw new Error('the peer speaks something else over TLS')
  const certificate = socket.getPeerX509Certificate()
  if (certificate === undefined) throw new Error('the peer has no certificate')
  const peer = await peerOfCertificate(certificate, new Date())
  const wanted = options.remotePeer
  if (wanted !== undefined && !wanted.equals(peer)) throw new Error(`it is ${peer}, not ${wanted}`)
  return peer
}

function secured(socket: TLSSocket, event: string, signal: AbortSignal | undefined): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  const aborted = (): void => reject(signal?.reason)
  const closed = (): void => reject(new Error('the connection closed during the handshake'))
  socket.once(event, resolve).once('error', reject).once('close', closed)
  signal?.addEventListener('abort', aborted)
  return promise.finally(() => {
    socket.off(event, resolve).off('error', reject).off('close', closed)
    signal?.removeEventListener('abort', aborted)
  })
}
