/** The tokens that allow to create and to delete. Only their hashes are kept in memory, and compared in constant time. */
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto'
import { readFile, stat } from 'node:fs/promises'
import { writeWhole } from '../../../node/store/durable.ts'
import { HotblockError } from '../../../protocols/errors.ts'
import type { Log } from '../../../protocols/ports.ts'
import { readSmallFile } from '../../settings.ts'

const FILE_BYTES_MAX = 64 * 1024
const TOKENS_MAX = 256
/** What a bearer header can carry; short ones could be guessed. */
const TOKEN = /^[A-Za-z0-9._~+/=-]{16,256}$/
const NAME = /^[A-Za-z0-9._-]{1,64}$/

export interface Tokens {
  /** The name of the token's owner; undefined for a wrong token. Takes as long for the one as for the other. */
  owner(token: string): string | undefined
}

/**
 * @param file a token in each line, or NAME:TOKEN to say in logs whose it is; # begins a comment
 * @param own where the farm keeps a token of its own if there is no file; made when it is not there
 * @throws NO_SUCH_FILE, BAD_FILE, BAD_CONFIG
 */
export async function loadTokens(file: string | undefined, own: string, log: Log): Promise<Tokens> {
  if (file !== undefined) {
    if (((await stat(file)).mode & 0o004) !== 0) log.warn({ file }, 'everybody on this machine can read the token file')
    return readTokens(await readSmallFile(file, FILE_BYTES_MAX), file)
  }
  const there = await readFile(own, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined
    throw error
  })
  if (there !== undefined) return readTokens(there, own)
  const token = randomBytes(32).toString('base64url')
  await writeWhole(own, Buffer.from(`${token}\n`), 0o600, false)
  log.info({ file: own }, 'a token to create and delete images was made')
  return readTokens(token, own)
}

/** @throws BAD_CONFIG naming the line */
export function readTokens(text: string, file: string): Tokens {
  const owners: { readonly who: string; readonly digest: Buffer }[] = []
  text.split('\n').forEach((raw, i) => {
    const line = raw.trim()
    if (line === '' || line.startsWith('#')) return
    const colon = line.indexOf(':')
    const who = colon === -1 ? 'admin' : line.slice(0, colon)
    const token = line.slice(colon + 1)
    if (!NAME.test(who) || !TOKEN.test(token)) {
      const message = `${file}: line ${i + 1} is no token of 16 to 256 letters, digits and ._~+/=- after NAME: or alone`
      throw new HotblockError('BAD_CONFIG', message, { file, line: i + 1 })
    }
    owners.push({ who, digest: digestOf(token) })
  })
  if (owners.length === 0 || owners.length > TOKENS_MAX) {
    throw new HotblockError('BAD_CONFIG', `${file}: has ${owners.length} tokens, not 1 to ${TOKENS_MAX}`, { file })
  }
  return {
    owner(token) {
      const digest = digestOf(token)
      let found: string | undefined
      for (const { who, digest: right } of owners) if (timingSafeEqual(digest, right)) found = who
      return found
    },
  }
}

function digestOf(text: string): Buffer {
  return createHash('sha256').update(text).digest()
}
