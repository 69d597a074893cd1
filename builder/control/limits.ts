/** Of a configuration as XML, bytes. */
export const XML_BYTES_MAX = 2 * 1024 * 1024
