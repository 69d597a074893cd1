import { hash } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Cuts, ImageReader } from '../../../node/cutters/cutter.ts'
import { seededRandom } from '../../../protocols/ports.ts'
import { tool } from '../../support/tools.ts'

export const KIB = 1024
export const BLOCK_BYTES = 64 * KIB
const ZEROS = new Uint8Array(1024 * KIB)
export const AUTO = { cut: 'auto', blockBytes: BLOCK_BYTES }

/** An image in memory; counts what is read. */
export function memoryReader(bytes: Uint8Array): ImageReader & { readonly readBytes: number } {
  let readBytes = 0
  return {
    size: bytes.length,
    get readBytes() {
      return readBytes
    },
    async read(offset, length) {
      const piece = bytes.slice(offset, offset + length)
      readBytes += piece.length
      return piece
    },
  }
}

/** Row lengths, checked: they are positive integers of at most `mostBytes` and sum to the size. */
export function rowLengths(cuts: Cuts, size: number, mostBytes = BLOCK_BYTES): number[] {
  const lengths = [...cuts.lengths()]
  const sum = lengths.reduce((total, length) => total + length, 0)
  if (sum !== size) throw new Error(`rows sum to ${sum}, the image has ${size} bytes`)
  const wrong = lengths.find((length) => !(Number.isInteger(length) && length > 0 && length <= mostBytes))
  if (wrong !== undefined) throw new Error(`a row of ${wrong} bytes`)
  return lengths
}

/** Rows as [start, end) pairs' starts, with the image's end last. */
export function rowStarts(lengths: readonly number[]): number[] {
  const starts = [0]
  for (const length of lengths) starts.push(starts.at(-1)! + length)
  return starts
}

/** Hash of each row that is not all zeros, with its length. */
export function rowHashes(bytes: Uint8Array, lengths: readonly number[]): Map<string, number> {
  const hashes = new Map<string, number>()
  let at = 0
  for (const length of lengths) {
    const row = bytes.subarray(at, at + length)
    if (!isZero(row)) hashes.set(hash('sha256', row), length)
    at += length
  }
  return hashes
}

/** Hashes of a file's pieces between the cuts: multiples of the block size, and `more` (offsets in the file). */
export function pieceHashes(content: Uint8Array, more: readonly number[] = [], blockBytes = BLOCK_BYTES): string[] {
  const cuts = new Set([0, content.length, ...more.filter((cut) => cut < content.length)])
  for (let at = 0; at < content.length; at += blockBytes) cuts.add(at)
  const sorted = [...cuts].sort((a, b) => a - b)
  const hashes: string[] = []
  for (let i = 1; i < sorted.length; i++) {
    const piece = content.subarray(sorted[i - 1], sorted[i])
    if (!isZero(piece)) hashes.push(hash('sha256', piece))
  }
  return hashes
}

/** Told in one call for each MiB: looking at single bytes would take most of the tests' time. */
function isZero(bytes: Uint8Array): boolean {
  for (let at = 0; at < bytes.length; at += ZEROS.length) {
    const piece = bytes.subarray(at, at + ZEROS.length)
    if (Buffer.compare(piece, ZEROS.subarray(0, piece.length)) !== 0) return false
  }
  return true
}

/** How many of the pieces are rows: 'found/all', so that a failure says how far off it is. */
export function found(pieces: readonly string[], rows: ReadonlyMap<string, number>): string {
  return `${pieces.filter((piece) => rows.has(piece)).length}/${pieces.length}`
}

export function randomBytes(length: number, seed: number): Uint8Array {
  const random = seededRandom(seed)
  const words = new Uint32Array(Math.ceil(length / 4))
  for (let i = 0; i < words.length; i++) words[i] = random() * 2 ** 32
  return new Uint8Array(words.buffer, 0, length)
}

/** Runs `body` with a new directory, which is removed afterwards. */
export async function withDir<T>(body: (dir: string) => T | Promise<T>): Promise<T> {
  const dir = mkdtempSync(join(tmpdir(), 'cutters-'))
  try {
    return await body(dir)
  } finally {
    rmSync(dir, { recursive: true, force: true })
  }
}

export interface Extent {
  /** Levels of the tree above the extent. */
  readonly depth: number
  /** First byte of the extent, counted in the file. */
  readonly logical: number
}

/** The extents of files at the root of an ext4 image, as debugfs sees them. */
export function extentsOf(image: string, files: readonly string[]): Map<string, Extent[]> {
  const blockBytes = Number(/Block size: +(\d+)/.exec(tool('dumpe2fs', ['-h', image]))?.[1])
  const commands = `${image}.commands`
  writeFileSync(commands, files.map((file) => `ex /${file}\n`).join(''))
  const [, ...answers] = tool('debugfs', ['-f', commands, image]).split(/^debugfs: /m)
  return new Map(
    answers.map((answer, i) => {
      const lines = [...answer.matchAll(/^ *(\d+)\/ *(\d+) +\d+\/ *\d+ +(\d+) -/gm)]
      const leaves = lines.filter(([, level, depth]) => level === depth)
      const extents = leaves.map(([, , depth, at]) => ({ depth: Number(depth), logical: Number(at) * blockBytes }))
      return [files[i]!, extents]
    }),
  )
}

/** Writes files (path in `dir` → content). */
export function writeFiles(dir: string, files: ReadonlyMap<string, Uint8Array>): void {
  for (const [name, content] of files) writeFileSync(join(dir, name), content)
}
