/** What the mainline client and libtorrent do by default, for a swarm in one data centre. */

/** As Kraken and large torrents have them. */
export const PIECE_BYTES = 4 * 1024 * 1024
/** Peers that the tracker names, and most connections of a peer; it asks again with fewer than the least. */
export const TRACKER_PEERS = 50
export const PEERS_MAX = 80
export const PEERS_MIN = 20
export const ANNOUNCE_MS = 30_000
export const ANNOUNCE_ANSWER_MS = 5
/** Upload slots for who gives the most, and one for somebody at random. */
export const SLOTS = 4
export const RECHOKE_MS = 10_000
/** The one at random is another each so many rechokes. */
export const OPTIMISTIC_TURNS = 3
/** Pieces that are asked from one peer ahead, so that its connection never runs dry. */
export const AHEAD = 2
/** The first pieces are taken at random: something to give soon. */
export const RANDOM_FIRST = 4
/** A peer that sends nothing of what it was asked for is asked no more for a while. */
export const SNUB_MS = 20_000
/** The rarest of so many open pieces is nearly the rarest of all. */
export const SAMPLE_PIECES = 64
