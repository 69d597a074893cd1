/** Orders of a scheduler's node to others: limits and times. */

export const ORDERS_PROTOCOL = '/hotblock/orders/1.0.0'

export const NAMES_PER_ORDER_MAX = 64
/** A name with a builder after it. */
export const NAME_CHARACTERS_MAX = 257
export const JOB_CHARACTERS_MAX = 128
export const ORDER_BYTES_MAX = 20 * 1024
export const ANSWER_BYTES_MAX = 1024

/** What a scheduler's node may order of one node: so many orders at once, and so many a second in the long run. */
export const ORDERS_BURST_MAX = 2_000
export const ORDERS_PER_SECOND_MAX = 100
/** That a peer is no scheduler's is logged once in so long. */
export const REFUSAL_LOG_MS = 60_000
/** Of so many peers it is remembered when that was. */
export const PEERS_REMEMBERED_MAX = 1_024

export const STREAMS_IN_MAX = 8
export const STREAMS_OUT_MAX = 8
/** A node that is dead or slow costs at most this, connecting included. */
export const SEND_TIMEOUT_MS = 3_000
/** A node waits this long for the order, and for room to answer. */
export const IDLE_TIMEOUT_MS = 3_000
