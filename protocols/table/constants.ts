/** Geometry of tables and the limits that are checked on tables from the network. Bytes unless the name says else. */

/** A block of file data is at most this long, unless the publisher sets another size. */
export const BLOCK_BYTES_DEFAULT = 64 * 1024
/** No block in any table is longer; a frame always has room for one. */
export const BLOCK_BYTES_MAX = 1024 * 1024
/** What is no file's data is cut on this grid. */
export const GRID_BYTES = 4096
/** SHA-256. */
export const HASH_BYTES = 32
/** Zero runs longer than this are written as several entries, so that every length fits in 32 bits. */
export const ZERO_RUN_BYTES_MAX = 1024 * 1024 * 1024

/** A segment ends after a block whose hash's last 16 bits are 0 modulo this: so many entries on average. */
export const SEGMENT_ENTRIES_MEAN = 128
export const SEGMENT_ENTRIES_MIN = 32
export const SEGMENT_ENTRIES_MAX = 512

export const IMAGE_BYTES_MAX = 64 * 1024 ** 4
export const SEGMENTS_MAX = 200_000
export const SEGMENT_BYTES_MAX = 64 * 1024
/** The largest root that is accepted: some 180,000 segments, or 1.5 TB of 64 KiB blocks. It fits in one message. */
export const ROOT_BYTES_MAX = 8 * 1024 * 1024
/** Rows of one table in memory, at 45 bytes each. */
export const TABLE_ENTRIES_MAX = 64 * 1024 * 1024
/** A root's note on how the image was cut is at most this many printable ASCII characters. */
export const CUTTER_CHARS_MAX = 64

/** A block whose hash begins with this many zero bits is a hook: 1 block in 512. */
export const HOOK_BITS = 9
/** A hook is advertised by this many first bytes of its hash. */
export const HOOK_KEY_BYTES = 12
