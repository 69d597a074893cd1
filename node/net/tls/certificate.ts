/**
 * Certificates of the libp2p TLS handshake (github.com/libp2p/specs, tls/tls.md): a key that is made for the process signs
 * its own certificate, and an extension of it has the peer's public key with that key's signature over the certificate's.
 * So whoever holds the certificate's key, which TLS proves, was let in by the holder of the peer's key.
 */
import { generateKeyPairSync, sign, X509Certificate } from 'node:crypto'
import { publicKeyFromProtobuf, publicKeyToProtobuf } from '@libp2p/crypto/keys'
import type { PeerId, PrivateKey } from '@libp2p/interface'
import { peerIdFromPublicKey } from '@libp2p/peer-id'
import { decodeAll, decodeParts, encode, TAG, type Value } from './der.ts'

/** ecdsa-with-SHA256, commonName, and libp2p's extension (1.3.6.1.4.1.53594.1.1). */
const ECDSA_SHA256 = encode(TAG.objectId, Buffer.from('2a8648ce3d040302', 'hex'))
const COMMON_NAME = encode(TAG.objectId, Buffer.from('550403', 'hex'))
const EXTENSION_ID = Buffer.from('2b0601040183a25a0101', 'hex')
/** Before the bytes that the peer's key signs. */
const SIGNED_PREFIX = Buffer.from('libp2p-tls-handshake:')
const SIGNATURE_KIND = encode(TAG.sequence, ECDSA_SHA256)
const NAME = name('libp2p')
/** Clocks of nodes may be wrong, and a process may run for long: the certificate ends with the process. */
const VALIDITY = encode(
  TAG.sequence,
  encode(TAG.utcTime, Buffer.from('700101000000Z')),
  encode(TAG.generalizedTime, Buffer.from('99991231235959Z')),
)
/** One with an RSA key of 4,096 bits in each place is well below. */
const CERTIFICATE_BYTES_MAX = 8192
const KEY_TYPES: readonly (string | undefined)[] = ['ec', 'ed25519']

export interface Credentials {
  /** PEM. */
  readonly key: string
  readonly cert: string
}

/** Makes a key and its certificate for a peer. */
export async function makeCredentials(privateKey: PrivateKey): Promise<Credentials> {
  const pair = generateKeyPairSync('ec', { namedCurve: 'prime256v1' })
  const spki = pair.publicKey.export({ type: 'spki', format: 'der' })
  const signature = await privateKey.sign(Buffer.concat([SIGNED_PREFIX, spki]))
  const signedKey = encode(
    TAG.sequence,
    encode(TAG.octetString, publicKeyToProtobuf(privateKey.publicKey)),
    encode(TAG.octetString, signature),
  )
  const extension = encode(TAG.sequence, encode(TAG.objectId, EXTENSION_ID), encode(TAG.octetString, signedKey))
  const body = encode(
    TAG.sequence,
    encode(TAG.context0, encode(TAG.integer, Uint8Array.of(2))),
    encode(TAG.integer, Uint8Array.of(1)),
    SIGNATURE_KIND,
    NAME,
    VALIDITY,
    NAME,
    spki,
    encode(TAG.context3, encode(TAG.sequence, extension)),
  )
  const ownSignature = sign('sha256', body, pair.privateKey)
  const noUnusedBits = Uint8Array.of(0)
  const certificate = encode(TAG.sequence, body, SIGNATURE_KIND, encode(TAG.bitString, noUnusedBits, ownSignature))
  return {
    key: pair.privateKey.export({ type: 'pkcs8', format: 'pem' }) as string,
    cert: new X509Certificate(certificate).toString(),
  }
}

/** Whose certificate it is. @throws Error where it is none of a peer, or not whole */
export async function peerOfCertificate(certificate: X509Certificate, now: Date): Promise<PeerId> {
  const { raw, publicKey, validFromDate, validToDate } = certificate
  if (raw.length > CERTIFICATE_BYTES_MAX) throw new Error('the certificate is too long')
  if (!KEY_TYPES.includes(publicKey.asymmetricKeyType)) throw new Error('the certificate has a key of another type')
  if (!certificate.verify(publicKey)) throw new Error('the certificate is not signed with its own key')
  if (now < validFromDate || now > validToDate) throw new Error('the certificate is not valid at this time')
  const [identity, signature] = signedKeyOf(raw)
  const key = publicKeyFromProtobuf(identity)
  if (key.type !== 'Ed25519') throw new Error('the key of the peer has another type')
  const spki = publicKey.export({ type: 'spki', format: 'der' })
  if (!(await key.verify(Buffer.concat([SIGNED_PREFIX, spki]), signature))) {
    throw new Error('the key of the certificate is not signed with that of the peer')
  }
  return peerIdFromPublicKey(key)
}

/** @returns the peer's public key and its signature @throws for another extension that must be understood */
function signedKeyOf(raw: Uint8Array): [identity: Uint8Array, signature: Uint8Array] {
  const body = decodeParts(raw, TAG.sequence)[0]
  if (body?.tag !== TAG.sequence) throw new RangeError('the certificate has no body')
  const optional = decodeAll(body.content).find(({ tag }) => tag === TAG.context3)
  const extensions = optional === undefined ? [] : decodeParts(optional.content, TAG.sequence)
  let found: Uint8Array | undefined
  for (const { content } of extensions) {
    const parts = decodeAll(content)
    const value = parts.at(-1)
    if (!isId(parts[0])) {
      if (parts[1]?.tag === TAG.boolean) throw new Error('the certificate has an extension that nobody knows')
      continue
    }
    if (found !== undefined || value?.tag !== TAG.octetString) throw new Error('the extension is not as it should be')
    found = value.content
  }
  if (found === undefined) throw new Error('the certificate says of no peer')
  const [identity, signature, ...more] = decodeParts(found, TAG.sequence)
  const wrong = identity?.tag !== TAG.octetString || signature?.tag !== TAG.octetString || more.length > 0
  if (wrong) throw new Error('the extension is not as it should be')
  return [identity.content, signature.content]
}

function isId(value: Value | undefined): boolean {
  return value?.tag === TAG.objectId && Buffer.compare(value.content, EXTENSION_ID) === 0
}

function name(text: string): Uint8Array {
  const attribute = encode(TAG.sequence, COMMON_NAME, encode(TAG.utf8String, Buffer.from(text)))
  return encode(TAG.sequence, encode(TAG.set, attribute))
}
