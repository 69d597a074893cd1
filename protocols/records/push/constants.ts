/** The push of records between connected peers. Bytes unless the name says else. */

export const PUSH_PROTOCOL = '/hotblock/records/1.0.0'

/** A frame is the record's length, two bytes, big-endian, and the record. */
export const FRAME_HEAD_BYTES = 2
export const RECORDS_PER_STREAM_MAX = 256
/** To a new connection the newest records go, at most this many; older ones are found on the DHT. */
export const RECORDS_EXCHANGE_MAX = 1024

/** What a peer may send: this many records at once, and so many a second in the long run. */
export const RECORDS_BURST_MAX = 4096
export const RECORDS_PER_SECOND_MAX = 500
/** Of so many peers it is remembered what they sent. */
export const BUDGETS_MAX = 4096

export const STREAMS_IN_MAX = 4
export const STREAMS_OUT_MAX = 4
export const STREAM_TIMEOUT_MS = 10_000
/** A push that failed is tried once more after this while, if the peer is still connected. */
export const RETRY_MS = 1_000
/** A record that is not taken (untrusted, stale) is logged once in so long for each peer. */
export const REFUSAL_LOG_MS = 60_000
