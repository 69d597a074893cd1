/** Limits of records. Bytes unless the name says else. */

export const RECORD_BYTES_MAX = 2048
export const NAME_LENGTH_MAX = 128
export const SEQUENCE_MAX = Number.MAX_SAFE_INTEGER
export const CONFIG_DIGEST_BYTES_MAX = 64
/** A record may be dated this far ahead of the reader's clock, no further. */
export const RECORD_AHEAD_MS_MAX = 24 * 60 * 60 * 1000
/** A book holds at most so many records, of all builders together. */
export const RECORDS_MAX = 16_384

/** What is signed begins with this, so that no signature made for another purpose passes for a record's. */
export const SIGNATURE_DOMAIN = 'hotblock-record:'
/** Version of the record's fields. */
export const RECORD_VERSION = 1

/** Namespace of records among the values of the DHT: keys are /hotblock/BUILDER/NAME. */
export const DHT_NAMESPACE = 'hotblock'
/** kad-dht answers with a value for this long after it received it. */
export const DHT_VALUE_LIFE_MS = 48 * 60 * 60 * 1000
/** Values of builders that this node does not trust, kept for the others: so many builders, so many names of each. */
export const DHT_FOREIGN_BUILDERS_MAX = 64
export const DHT_FOREIGN_NAMES_MAX = 1024
export const DHT_TRUSTED_NAMES_MAX = 16_384
export const DHT_PUBLISH_TIMEOUT_MS = 10_000
export const DHT_LOOKUP_TIMEOUT_MS = 5_000
