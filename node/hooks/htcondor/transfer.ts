/**
 * HTCondor's file transfer plugin for `hotblock://NAME`: what transfer-plugin.sh runs. It reads the file of requests, puts each
 * image where the job wants it, and writes a ClassAd for each: HTCondor's manual, "Third Party/Delegated file, credential and
 * checkpoint transfer".
 */
import { open, readFile, stat, writeFile } from 'node:fs/promises'
import { dirname, isAbsolute } from 'node:path'
import { asHotblockError, HotblockError } from '../../../protocols/errors.ts'
import { parseWantedName } from '../../../protocols/records/name.ts'
import type { HeldImage } from '../../api.ts'
import { type Holder, takeLease } from '../../launch/lease.ts'
import { firstLine, runTool } from '../../launch/tool.ts'
import { formatAd, parseAds, type StringAttributes, type Value } from './classad.ts'

const SCHEME = 'hotblock://'
const REQUEST_BYTES_MAX = 1024 * 1024
const COPY_TIMEOUT_MS = 3_600_000

export interface TransferArguments {
  readonly infile: string
  readonly outfile: string
  readonly upload: boolean
}

export interface TransferInit extends TransferArguments {
  readonly daemon: Holder
  /** For one image, waiting included. */
  readonly timeoutSeconds: number
  readonly signal: AbortSignal
  /** Milliseconds since the epoch. */
  readonly now: () => number
}

/** `-infile FILE -outfile FILE`, in either order, and `-upload`. @throws USAGE */
export function readTransferArguments(words: readonly string[]): TransferArguments {
  const files = new Map<string, string>()
  let upload = false
  for (let at = 0; at < words.length; at++) {
    const word = words[at]!
    if (word === '-upload') upload = true
    else if (word === '-infile' || word === '-outfile') files.set(word, words[++at] ?? '')
    else throw new HotblockError('USAGE', `HTCondor gave an argument that is not understood: ${word.slice(0, 100)}`)
  }
  const [infile, outfile] = [files.get('-infile'), files.get('-outfile')]
  if (!infile || !outfile) throw new HotblockError('USAGE', '-infile and -outfile are needed')
  return { infile, outfile, upload }
}

/**
 * Does all transfers, one after the other, until one fails.
 *
 * @returns whether all have succeeded; the file at `outfile` says it of each
 * @throws what writing that file fails with
 */
export async function transferAll(init: TransferInit): Promise<boolean> {
  const { infile, outfile, now } = init
  const told: string[] = []
  let success = true
  try {
    for (const ad of await readRequests(infile)) {
      const startedAt = now()
      const url = ad.get('url') ?? ''
      const outcome = await transferOne(init, ad).catch((error: unknown) => asHotblockError(error))
      const protocol = { TransferProtocol: 'hotblock', TransferType: init.upload ? 'upload' : 'download' }
      const seconds = { TransferStartTime: Math.floor(startedAt / 1000), TransferEndTime: Math.floor(now() / 1000) }
      const common = { TransferUrl: url, ...protocol, ...seconds, ConnectionTimeSeconds: (now() - startedAt) / 1000 }
      success = !(outcome instanceof HotblockError)
      told.push(
        formatAd(outcome instanceof HotblockError ? { ...failed(outcome), ...common } : { ...outcome, ...common }),
      )
      if (!success) break
    }
  } catch (error) {
    told.push(formatAd({ ...failed(asHotblockError(error)), TransferUrl: '' }))
    success = false
  }
  await writeFile(outfile, told.join(''))
  return success
}

function failed({ code, message, hint }: HotblockError): Record<string, Value> {
  return { TransferSuccess: false, TransferError: `hotblock: ${code}: ${message}. ${hint}` }
}

async function readRequests(infile: string): Promise<StringAttributes[]> {
  const { size } = await stat(infile)
  if (size > REQUEST_BYTES_MAX) throw new HotblockError('BAD_FILE', `the list of transfers has ${size} bytes`)
  return parseAds(await readFile(infile, 'utf8'))
}

async function transferOne(init: TransferInit, ad: StringAttributes): Promise<Record<string, Value>> {
  const { daemon, timeoutSeconds, signal, upload } = init
  if (upload) throw new HotblockError('USAGE', 'images are published with hotblock publish, not uploaded')
  const name = nameOf(ad.get('url') ?? '')
  const file = ad.get('localfilename') ?? ''
  if (!isAbsolute(file) || file.includes('\0')) throw new HotblockError('BAD_FILE', 'LocalFileName is no absolute path')
  const lease = await takeLease(daemon, name, { timeoutSeconds, signal })
  try {
    await copyFor(lease.image, file)
    const { imageBytes } = lease.image
    const bytes = { TransferFileBytes: imageBytes, TransferTotalBytes: imageBytes }
    return { TransferSuccess: true, TransferFileName: file, ...bytes }
  } finally {
    lease.end()
  }
}

/** @throws BAD_NAME */
export function nameOf(url: string): string {
  const name = url.slice(SCHEME.length)
  if (!url.toLowerCase().startsWith(SCHEME)) {
    throw new HotblockError('BAD_NAME', `${JSON.stringify(url.slice(0, 200))} does not begin with ${SCHEME}`)
  }
  parseWantedName(name)
  return name
}

/**
 * Copies an image to a file of the job: a clone where the file system can, and always with its holes. Where this is root, the
 * file is made with the rights of who owns the job's directory: no link that the job may have put there leads elsewhere.
 */
async function copyFor(image: HeldImage, file: string): Promise<void> {
  const { uid, gid } = await stat(dirname(file))
  const copy = ['cp', '--reflink=auto', '--sparse=always', '--no-preserve=all', '--', '/dev/fd/3', file]
  const become = ['--reuid', String(uid), '--regid', String(gid), '--clear-groups', '--']
  const [tool, args] = process.getuid?.() === 0 && uid !== 0 ? ['setpriv', [...become, ...copy]] : ['env', copy]
  const handle = await open(image.path, 'r')
  try {
    const package_ = { debianPackage: 'util-linux', timeoutMs: COPY_TIMEOUT_MS }
    const ran = await runTool(tool as string, args as string[], { descriptor: handle.fd, ...package_ })
    if (ran.status === 0) return
    const full = /No space left|Disk quota/.test(ran.stderr)
    throw new HotblockError(full ? 'NO_SPACE' : 'BAD_FILE', `the file could not be made: ${firstLine(ran)}`, {
      path: file,
    })
  } finally {
    await handle.close()
  }
}
