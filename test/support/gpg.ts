import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { tool } from './tools.ts'

export interface TestKey {
  /** gpg's home directory. */
  readonly home: string
  /** Armoured public key. */
  readonly key: string
  gpg(...args: string[]): string
}

/** Runs `use` with a new signing key, which is gone afterwards. */
export function withKey<T>(use: (key: TestKey) => T): T {
  // gpg's agent listens on a socket in its home, whose path may not be long.
  const home = mkdtempSync(join(tmpdir(), 'g-'))
  const gpg = (...args: string[]) => tool('gpg', ['--homedir', home, '--batch', '--yes', '--quiet', ...args])
  try {
    gpg('--passphrase', '', '--quick-generate-key', 'Test <test@example.org>', 'rsa2048', 'sign', 'never')
    return use({ home, key: gpg('--armor', '--export'), gpg })
  } finally {
    try {
      tool('gpgconf', ['--homedir', home, '--kill', 'gpg-agent'])
    } catch {
      // It has ended already.
    }
    rmSync(home, { recursive: true, force: true })
  }
}
