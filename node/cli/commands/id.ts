import type { Command } from 'commander'
import { HotblockError } from '../../../protocols/errors.ts'
import type { Cli } from '../cli.ts'
import { keyValues } from '../format.ts'

/** A daemon that is busy is not waited for long: its addresses are an extra. */
const STATUS_TIMEOUT_MS = 5000

export function register(program: Command, cli: Cli): void {
  program
    .command('id')
    .description("print the node's peer id, made at first use; while the daemon runs also its addresses")
    .action(async () => {
      const { checkHome } = await import('../../control/socket.ts')
      await checkHome(cli.home)
      const { loadIdentity } = await import('../../store/identity.ts')
      const { peerIdFromPrivateKey } = await import('@libp2p/peer-id')
      const peer = peerIdFromPrivateKey(await loadIdentity(cli.home)).toString()
      const addresses = await runningAddresses(cli)
      cli.print({ peer, addresses }, (style) => {
        return keyValues(
          [
            ['peer', style.bold(peer)],
            ['addresses', addresses.length === 0 ? 'none: no daemon is running' : addresses],
          ],
          style,
        )
      })
    })
}

async function runningAddresses(cli: Cli): Promise<string[]> {
  try {
    const { addresses } = await cli.withDaemon((daemon) => daemon.status(), STATUS_TIMEOUT_MS)
    return addresses
  } catch (error) {
    if (error instanceof HotblockError && ['NO_DAEMON', 'TIMEOUT'].includes(error.code)) return []
    throw error
  }
}
