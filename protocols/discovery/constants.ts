/** Discovery: limits and times. Bytes unless the name says else. */

export const PROVIDERS_PROTOCOL = '/hotblock/providers/1.0.0'

export const KEY_BYTES_MIN = 8
export const KEY_BYTES_MAX = 64

/** So many peers, the closest to a key, keep its providers. */
export const RESPONSIBLE_PEERS = 8
/** Of them, so many are asked at first; the others only for keys that these know nothing of. */
export const ASKED_PEERS = 3
/** Kademlia's k: what a walk finds at most. */
export const WALK_PEERS = 20
/** A walk covers the region around its target of which it found at least this many peers, all that are there. */
export const REGION_PEERS_MIN = 4

/** A provider record lives this long, and is renewed this often. */
export const PROVIDER_TTL_MS = 30 * 60_000
export const RENEW_MS = 10 * 60_000
/** What a walk found holds this long. */
export const REGION_LIFE_MS = 10 * 60_000
/** That there are no more peers than a walk finds is taken for granted for a shorter time, since networks grow. */
export const WHOLE_LIFE_MS = 60_000
/** A walk that was not answered in time is not repeated for this long. */
export const UNSURE_LIFE_MS = 5_000
/** A node that knows more peers than this does not believe that the network is small. */
export const SMALL_NETWORK_PEERS = 30

export const PROVIDERS_PER_KEY_MAX = 20
/** What a node stores for others: keys of one peer, and records (one key of one peer) in all. */
export const KEYS_PER_PEER_MAX = 16_384
export const RECORDS_MAX = 100_000
export const ADDRESSES_PER_PROVIDER_MAX = 8
export const ADDRESS_BYTES_MAX = 128
export const EXPIRE_INTERVAL_MS = 60_000
/** Provider records that came or went are gathered for this long before they are written to disk. */
export const SAVE_MS = 5_000

/** What a node advertises itself at most. */
export const KEYS_ADVERTISED_MAX = 100_000
export const KEYS_PER_MESSAGE_MAX = 1024
/** Keys of 64 bytes, 1,024 of them, with their CBOR heads and addresses, fit. */
export const REQUEST_BYTES_MAX = 72 * 1024
export const ANSWER_BYTES_MAX = 256 * 1024
/** An answer names at most so many different peers, and their ids and addresses take at most so many bytes. */
export const ANSWER_PEERS_MAX = 512
export const ANSWER_PEERS_BYTES_MAX = 160 * 1024
export const MESSAGES_PER_STREAM_MAX = 128
/** An asker has so many streams open to a peer; more look-ups take turns. */
export const STREAMS_PER_PEER_MAX = 8
/** A server learns late that a stream has ended, so it allows for more than an asker opens. */
export const STREAMS_IN_MAX = 32
export const STREAMS_OUT_MAX = 32

/** A dead peer costs at most this, beside the others. */
export const ASK_TIMEOUT_MS = 1_000
export const SEND_TIMEOUT_MS = 2_000
/** A server waits this long for the next message of a stream. */
export const IDLE_TIMEOUT_MS = 5_000
export const WITHDRAW_TIMEOUT_MS = 1_000
export const PEERS_PARALLEL_MAX = 32

export const WALK_TIMEOUT_MS = 3_000
/** A look-up waits for less. */
export const FIND_WALK_TIMEOUT_MS = 1_000
export const WALKS_PARALLEL_MAX = 4
export const WALKS_PER_ADVERTISE_MAX = 256
export const WALKS_PER_FIND_MAX = 8

/** A peer that did not answer is passed over for this long, doubled each time. */
export const FAILED_MS_MIN = 15_000
export const FAILED_MS_MAX = 10 * 60_000
/** New connections are gathered for this long before keys are assigned anew. */
export const SETTLE_MS = 500
export const PEERS_KNOWN_MAX = 4096
