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
export const SEGMENTS_MAX = 1_000_000
export const SEGMENT_BYTES_MAX = 64 * 1024
/** The largest root that is accepted: a million segments at 45 bytes. */
export const ROOT_BYTES_MAX = 48 * 1024 * 1024
