/** The thread that takes the log of the index of blocks over into its database, and ends. */
import { DatabaseSync } from 'node:sqlite'
import { workerData } from 'node:worker_threads'

const db = new DatabaseSync(workerData as string)
try {
  // Passive: who reads and writes meanwhile is not hindered, and what it cannot take over stays for the next time.
  db.exec('PRAGMA synchronous = NORMAL; PRAGMA wal_checkpoint(PASSIVE)')
} finally {
  db.close()
}
