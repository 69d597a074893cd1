/** Settings of the libp2p host. Bytes and milliseconds as the names say. */

export const KAD_PROTOCOL = '/hotblock/kad/1.0.0'

/** Kademlia's k, alpha and the number of disjoint paths of a walk. */
export const BUCKET_PEERS = 20
export const WALK_PARALLEL = 5
export const WALK_PATHS = 3

/** Many nodes on one host or behind one NAT share an address, so no limit is per address in earnest. */
export const CONNECTIONS_MAX = 1000
export const CONNECTIONS_PER_SECOND_MAX = 256
export const CONNECTIONS_PENDING_MAX = 256
export const DIALS_PARALLEL_MAX = 64
export const DIALS_QUEUED_MAX = 1000
export const ADDRESSES_PER_DIAL_MAX = 8
/** A dead peer costs at most this. */
export const DIAL_TIMEOUT_MS = 2_000
export const ADDRESS_TIMEOUT_MS = 1_500
export const UPGRADE_TIMEOUT_MS = 5_000
export const NEGOTIATION_TIMEOUT_MS = 5_000

/** How often each connection is tried, and how long an answer may take before it is closed. */
export const PING_INTERVAL_MS = 20_000
export const PING_TIMEOUT_MS = 10_000
export const RECONNECTS_MAX = 5
export const RECONNECT_MS = 1_000

export const KAD_REQUEST_MS_MIN = 1_500
export const KAD_REQUEST_MS_MAX = 5_000
export const KAD_STREAMS_MAX = 64

export const STREAMS_PER_CONNECTION_MAX = 256
export const STREAMS_NEGOTIATING_MAX = 64
/** yamux starts with 256 KiB; see protocols/blocks/window.ts for how that grows. */
export const STREAM_WINDOW_BYTES_MAX = 16 * 1024 * 1024
/** What a paused stream may buffer before it is reset: one window and the frame that is under way. */
export const STREAM_BUFFER_BYTES_MAX = 20 * 1024 * 1024

/** Bootstrap: the pause between rounds doubles from the first to the second. */
export const BOOTSTRAP_MS_MIN = 500
export const BOOTSTRAP_MS_MAX = 30_000
/** With connections, bootstrap peers that are not among them are tried this often, so that parted meshes meet again. */
export const BOOTSTRAP_CHECK_MS = 60_000
export const BOOTSTRAP_PARALLEL_MAX = 8
export const REMEMBER_MS = 30_000
export const REMEMBERED_MAX = 64
export const ADDRESSES_PER_PEER_MAX = 3

/** Filling the routing table: rounds at these pauses after the first connection, until it stops growing. */
export const FILL_PAUSES_MS: readonly number[] = [200, 500, 1_000, 2_000, 4_000, 8_000, 16_000]
export const FILL_QUIET_ROUNDS = 2
/** So often a round is repeated at once because nobody was in the table to be asked. */
export const FILL_EMPTY_ROUNDS_MAX = 20
export const FILL_RANDOM_WALKS = 2
export const FILL_WALK_TIMEOUT_MS = 5_000
/** A node that knows fewer peers than this looks for more every so often, for as long as it runs. */
export const FILL_FEW_PEERS = 8
export const FILL_FEW_PAUSE_MS = 10_000
