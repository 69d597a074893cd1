/** The block exchange's identity and limits. */
import { ROOT_BYTES_MAX } from '../table/constants.ts'

export const BLOCKS_PROTOCOL = '/hotblock/blocks/1.0.0'

/** Bytes of blocks in one request and in one frame before compression; a block of the largest size fits. */
export const FRAME_BYTES_MAX = 1024 * 1024
/** Blocks in one request: a megabyte of 4 KiB blocks, and room for small ones. */
export const GET_BLOCKS_MAX = 1024
/** Hashes that one probe asks about. */
export const PROBE_HASHES_MAX = 8192
/** Bytes of a block hash that a probe carries. A false yes costs one block that is then said to be missing. */
export const PROBE_PREFIX_BYTES = 8
/** Table parts (root or segments) that one request asks for. */
export const TABLE_PARTS_MAX = 64
/** Swarm peers that one message tells of, and characters (printable ASCII) of what it says of each. */
export const PEERS_MAX = 32
export const PEER_ADDRESSES_MAX = 8
export const PEER_ID_CHARS_MAX = 128
export const ADDRESS_CHARS_MAX = 192
/** Characters (printable ASCII, no spaces) of the label of a rack. */
export const RACK_CHARS_MAX = 64
/** Pieces of one image; see cutPieces. */
export const PIECES_MAX = 400_000
/** Piece numbers of each kind in one message of news. */
export const HAVE_PIECES_MAX = 4096
/** Piece numbers that one request may name. */
export const CLAIM_PIECES_MAX = 256
/** Pieces that a get says would do as well. */
export const WISH_PIECES_MAX = 32

/** What the two bytes of its length can say. The largest headers, of peers and of news, are below it. */
export const HEADER_BYTES_MAX = 0xffff
/** The largest message of a server: a table root. Frames and bit fields are smaller. */
export const MESSAGE_BYTES_MAX = 2 + HEADER_BYTES_MAX + ROOT_BYTES_MAX
/** The largest message of a client: a probe. */
export const CLIENT_MESSAGE_BYTES_MAX = 2 + HEADER_BYTES_MAX + PROBE_HASHES_MAX * PROBE_PREFIX_BYTES
/** Bytes of table parts in one answer; what does not fit is said not to be here, and asked for again by itself. */
export const TABLE_BYTES_MAX = ROOT_BYTES_MAX

/** Requests that a server keeps waiting for one session; a client that sends more breaks the protocol. */
export const SESSION_REQUESTS_MAX = 64
/** Bytes that a server lets lie unsent on one session before it waits for the peer to read. */
export const SESSION_UNSENT_BYTES_MAX = 4 * 1024 * 1024

/** A peer that takes none of what is sent to it for so long is given up. */
export const SEND_TIMEOUT_MS = 30_000
export const OPEN_TIMEOUT_MS = 3_000
export const TABLE_TIMEOUT_MS = 5_000
export const PROBE_TIMEOUT_MS = 3_000
