import { DatabaseSync } from 'node:sqlite'
import type { CheckpointAnswer, CheckpointJob } from './jobs.ts'

/** Waits for the disk: the log is on it before pages are taken over, and these are before the log begins anew. */
export function runCheckpoint({ path }: CheckpointJob): CheckpointAnswer {
  const db = new DatabaseSync(path)
  try {
    // Passive: who reads and writes meanwhile is not hindered, and what it cannot take over stays for the next time.
    db.exec('PRAGMA synchronous = NORMAL; PRAGMA wal_checkpoint(PASSIVE)')
  } finally {
    db.close()
  }
  return {}
}
