import { createHash, randomFillSync } from 'node:crypto'
import { mkdtemp, rm, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite, type Test } from 'uvu'
import type { Pool } from '../../node/pool/jobs.ts'
import { createPool, inlinePool } from '../../node/pool/pool.ts'

export const MIB = 1024 * 1024
export const PAGE = 4096

export interface PoolContext {
  dir: string
  pool: Pool
  /** A file of 6 MiB: random, but for zeros from 1 to 2 MiB and a repeating MiB at the end. */
  image: string
  bytes: Buffer
}

export function hashesOf(bytes: Uint8Array, offsets: ArrayLike<number>, lengths: ArrayLike<number>): Uint8Array {
  const hashes = Array.from(lengths, (length, i) =>
    createHash('sha256')
      .update(bytes.subarray(offsets[i]!, offsets[i]! + length))
      .digest(),
  )
  return new Uint8Array(Buffer.concat(hashes))
}

export function offsetsOf(first: number, lengths: ArrayLike<number>): Float64Array {
  let offset = first
  return Float64Array.from(lengths, (length) => {
    offset += length
    return offset - length
  })
}

/** Blocks of odd lengths from all over the file: side by side, with small and large gaps, backwards, and over others. */
export function someBlocks(bytes: Buffer): { offsets: Float64Array; lengths: Uint32Array; hashes: Uint8Array } {
  const lengths = Uint32Array.of(65_536, 1, 4095, 4096, 4097, 65_536, 10, 65_536, 70_000, 1)
  const offsets = Float64Array.of(0, 65_536, 65_537, 69_632, 80_000, 3 * MIB, 2 * MIB, 100_000, 120_000, 6 * MIB - 1)
  return { offsets, lengths, hashes: hashesOf(bytes, offsets, lengths) }
}

export async function sparse(path: string, bytes: number): Promise<string> {
  await writeFile(path, '')
  await truncate(path, bytes)
  return path
}

/** The same tests on threads and in place; they are run by `run`. */
export function onEveryPool(tests: (test: Test<PoolContext>, make: () => Pool) => void): { run(): void } {
  const suites: Test<PoolContext>[] = []
  for (const [name, make] of [
    ['threads', () => createPool({ threads: 2 })],
    ['inline', inlinePool],
  ] as const) {
    const test = suite<PoolContext>(name)
    test.before(async (context) => {
      context.dir = await mkdtemp(join(tmpdir(), 'hotblock-pool-'))
      context.image = join(context.dir, 'image')
      const bytes = randomFillSync(Buffer.alloc(6 * MIB))
      // A block of this byte alone is no zero block.
      bytes[0] = 1
      bytes.fill(0, MIB, 2 * MIB)
      bytes.fill('compressible ', 5 * MIB)
      context.bytes = bytes
      await writeFile(context.image, bytes)
      context.pool = make()
    })
    test.after(async (context) => {
      await context.pool.close()
      await rm(context.dir, { recursive: true })
    })
    tests(test, make)
    suites.push(test)
  }
  return {
    run() {
      for (const test of suites) test.run()
    },
  }
}
