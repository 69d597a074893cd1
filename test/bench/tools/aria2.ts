/** BitTorrent with aria2: the image compressed with zstd beforehand, sent to each peer, and unpacked there. */
import { existsSync } from 'node:fs'
import { chmod, mkdir, rm, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { costOf, type Sample } from '../tree.ts'
import { isListening } from './http.ts'
import { background, checkSame, freePort, program, type Running, settle, sync, until } from './programs.ts'
import { torrentOf } from './torrent.ts'
import { startTracker, type Tracker } from './tracker.ts'

const FETCH_MS = 120_000

interface Swarm {
  readonly own: string
  readonly torrent: string
  readonly done: string
  readonly packed: string
  readonly file: string
  readonly tracker: Tracker
  seeder: Running | undefined
}

/** A seeder of FILE.zst and a tracker, for as long as `use` runs; `once` fetches with so many peers at the same time. */
export async function withAria2<T>(
  directory: string,
  file: string,
  use: (once: (peers: number) => Promise<Sample>) => Promise<T>,
): Promise<T> {
  const own = join(directory, 'aria2')
  await mkdir(own, { recursive: true })
  const tracker = await startTracker()
  const packed = join(own, `${basename(file)}.zst`)
  const [torrent, done] = [join(own, 'image.torrent'), join(own, 'done')]
  const swarm: Swarm = { own, torrent, done, packed, file, tracker, seeder: undefined }
  try {
    await program('zstd', ['-q', '-T0', file, '-o', packed])
    await writeFile(torrent, await torrentOf(packed, tracker.url))
    // aria2 calls it with an id, a count and the path of what is complete.
    await writeFile(done, '#!/bin/sh\n: > "$3.done"\n')
    await chmod(done, 0o755)
    const port = await freePort()
    swarm.seeder = background('aria2c', [
      ...flags(swarm, own, port),
      '--seed-ratio=0.0',
      '--check-integrity=true',
      torrent,
    ])
    await until(() => isListening(port), 'the seeder listens')
    await until(() => existsSync(`${packed}.done`) || tracker.peers > 0, 'the seeder has checked its file', FETCH_MS)
    return await use((peers) => fetchOnce(swarm, peers))
  } finally {
    await swarm.seeder?.kill()
    await tracker.close()
    await rm(own, { recursive: true, force: true })
  }
}

async function fetchOnce(swarm: Swarm, peers: number): Promise<Sample> {
  const directories = Array.from({ length: peers }, (_, i) => join(swarm.own, `peer-${i + 1}`))
  const ports: number[] = []
  for (const directory of directories) {
    await mkdir(directory)
    ports.push(await freePort())
  }
  const leechers: Running[] = []
  await settle()
  const { sample } = await costOf([swarm.seeder!.pid], async () => {
    await Promise.all(
      directories.map(async (directory, i) => {
        const args = [...flags(swarm, directory, ports[i]!), '--seed-ratio=0.0', swarm.torrent]
        const leecher = background('aria2c', args)
        leechers.push(leecher)
        const packed = join(directory, basename(swarm.packed))
        await until(() => existsSync(`${packed}.done`), 'a peer of aria2 is complete', FETCH_MS)
        const copy = join(directory, 'copy')
        await program('zstd', ['-q', '-d', '--sparse', packed, '-o', copy])
        await sync(copy)
      }),
    )
  })
  // All have seeded to the end, as all daemons of hotblock do. Asked to end in good order, they would take seconds.
  await Promise.all(leechers.map((leecher) => leecher.kill()))
  swarm.tracker.forget(ports)
  for (const directory of directories) {
    await checkSame(join(directory, 'copy'), swarm.file)
    await rm(directory, { recursive: true })
  }
  return sample
}

function flags({ done }: Swarm, directory: string, port: number): string[] {
  return [
    '--quiet=true',
    '--no-conf=true',
    `--dir=${directory}`,
    `--listen-port=${port}`,
    '--enable-dht=false',
    '--enable-dht6=false',
    '--disable-ipv6=true',
    '--bt-enable-lpd=false',
    '--file-allocation=none',
    '--follow-torrent=mem',
    `--on-bt-download-complete=${done}`,
  ]
}
