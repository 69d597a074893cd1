/** Numbers that the fetch decisions work with. */

/** Bytes of blocks in one request, before compression: one frame. */
export const REQUEST_BYTES_MAX = 1024 * 1024
/** Pieces of which less is wanted are asked for in groups: small frames compress badly and cost a round trip each. */
export const REQUEST_BYTES_MIN = 256 * 1024
export const REQUEST_BLOCKS_MAX = 1024
/** What may be under way from one peer: at least, at first, at most, and as time at the peer's measured rate beyond the
 * quickest answer that it gave. */
export const WINDOW_BYTES_MIN = REQUEST_BYTES_MAX
export const WINDOW_BYTES_START = 2 * 1024 * 1024
export const WINDOW_BYTES_MAX = 8 * 1024 * 1024
export const WINDOW_SECONDS = 0.05
export const PEER_REQUESTS_MAX = 16
/** What may be under way from all peers together: bounds the memory of a fetch. */
export const IN_FLIGHT_BYTES_MAX = 64 * 1024 * 1024
/** Open pieces looked at for each choice: the rarest of a random sample is nearly the rarest of all. */
export const SAMPLE_PIECES = 48
export const SCAN_PIECES_MAX = 4096
/** How often the machine is to be told that time has passed; later than that by so much, its own node stood still. */
export const TICK_MS = 100
export const TICK_LATE_MS = 200
/** Whether peers are silent or slow is looked at so often at least. */
export const LOOK_MS = 300
/** Without a sign of life for so long, what a peer was asked for is asked from others too. */
export const SILENT_HEDGE_MS = 900
/** And after so long it is dropped. */
export const SILENT_DROP_MS = 4_000
/** At the end of a fetch a request is doubled when it is older than this, and than twice what one takes from either peer. */
export const END_HEDGE_MS = 300
/** While others deliver, the builder is asked only for what nobody else holds; this long without delivery ends that, */
export const BUILDER_SPARE_MS = 1_000
/** and so does it if they deliver less than this share of what the builder does when it is asked. */
export const BUILDER_SPARE_SHARE = 0.2
/** A peer that delivers less than this share of what the builder does is no reason to spare the builder. */
export const SLOW_SHARE = 0.125
/** What another worker says it is getting is left to it for so long. */
export const CLAIM_MS = 1_000
/** Other pieces that a request for what nobody else has says would do as well. */
export const WISHES_MAX = 16
/** A builder that has nothing but what others are getting is looked at again after this. */
export const NOTHING_MS = 50
/** What a peer of the own rack says it is getting is left to it for so long: it may come over a busy uplink. */
export const NEAR_CLAIM_MS = 2_000
/** With less than this under way, peers of other racks are asked also for what is others' share. */
export const FAR_STARVED_BYTES = 8 * 1024 * 1024
export const SEEK_INTERVAL_MS = 1_000
/** Candidates that may be dialled again, and tables that nobody had, are looked at so often. */
export const WATCH_MS = 500
/** A peer that has not answered to a dial by then is given up. */
export const DIAL_TIMEOUT_MS = 2_500
/** Requests for parts of the table that are under way at a time, and how long to wait where nobody has them. */
export const TABLE_REQUESTS_MAX = 4
export const TABLE_PAUSE_MS = 100
const BUILDER_GRACE_MS = 1_500
const GRACE_BYTES_MIN = 4 * 1024 * 1024

/** For how long peers with the same blocks in other images are looked for before the builder is asked; not for little. */
export function builderGraceMs(coldBytes: number): number {
  return coldBytes >= GRACE_BYTES_MIN ? BUILDER_GRACE_MS : 0
}
