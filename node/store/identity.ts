import { chmod, mkdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { generateKeyPair, privateKeyFromProtobuf, privateKeyToProtobuf } from '@libp2p/crypto/keys'
import type { Ed25519PrivateKey } from '@libp2p/interface'
import { HotblockError } from '../../protocols/errors.ts'
import { writeWhole } from './durable.ts'
import { homeFailure } from './home.ts'

const MODE = 0o600

/**
 * The node's private key, an Ed25519 key in libp2p's protobuf; made the first time. The store need not be open: two
 * processes that make it at the same moment end up with the same one.
 *
 * @throws BAD_HOME when it cannot be read or written, or is no such key
 */
export async function loadIdentity(home: string): Promise<Ed25519PrivateKey> {
  const path = join(home, 'identity.key')
  try {
    const bytes = await readKey(path)
    if (bytes !== undefined) return parse(path, bytes)
    await mkdir(home, { recursive: true })
    await writeWhole(path, privateKeyToProtobuf(await generateKeyPair('Ed25519')), MODE, false)
    return parse(path, await readFile(path))
  } catch (error) {
    throw homeFailure(home, error)
  }
}

async function readKey(path: string): Promise<Uint8Array | undefined> {
  try {
    const bytes = await readFile(path)
    // A copy or a restored backup may have opened it to others.
    await chmod(path, MODE)
    return bytes
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}

function parse(path: string, bytes: Uint8Array): Ed25519PrivateKey {
  let cause: unknown
  try {
    const key = privateKeyFromProtobuf(bytes)
    if (key.type === 'Ed25519') return key
  } catch (error) {
    cause = error
  }
  throw new HotblockError('BAD_HOME', `does not hold an Ed25519 key: ${path}`, { path }, cause)
}
