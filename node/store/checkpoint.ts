/** The thread that takes the log of the index of blocks over into its database, each time that it is told to. */
import { DatabaseSync } from 'node:sqlite'
import { parentPort, workerData } from 'node:worker_threads'

const db = new DatabaseSync(workerData as string)
db.exec('PRAGMA synchronous = NORMAL')
parentPort!.on('message', (told: 'run' | 'end') => {
  if (told === 'end') {
    db.close()
    parentPort!.close()
    return
  }
  // Passive: who reads and writes meanwhile is not hindered, and what it cannot take over stays for the next time.
  db.exec('PRAGMA wal_checkpoint(PASSIVE)')
  parentPort!.postMessage('done')
})
