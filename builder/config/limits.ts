/** Limits of what a request may ask for. Bytes unless the name says else. */

/** Names of classes, groups and appliances; three of them fit into an image's name. */
export const CATALOG_NAME_LENGTH_MAX = 48
export const ARCH_LENGTH_MAX = 16
export const GROUPS_MAX = 64
export const PACKAGES_MAX = 1024
export const PACKAGE_LENGTH_MAX = 100

/** Sizes of disk images are multiples of it. */
export const SIZE_UNIT_BYTES = 1024 ** 2
export const SIZE_BYTES_MIN = 16 * 1024 ** 2
export const SIZE_BYTES_MAX = 1024 ** 4
export const SIZE_BYTES_DEFAULT = 2 * 1024 ** 3

export const FILES_MAX = 128
export const FILE_PATH_BYTES_MAX = 1024
/** Of one part of a path: what ext4 holds. */
export const FILE_NAME_BYTES_MAX = 255
/** Of all extra files together. */
export const FILES_BYTES_MAX = 512 * 1024
export const FILE_MODE_DEFAULT = 0o644
export const FILE_MODE_MAX = 0o7777
export const SCRIPT_BYTES_MAX = 64 * 1024

export const REPOSITORIES_MAX = 8
export const URI_LENGTH_MAX = 1024
export const SUITE_LENGTH_MAX = 64
export const COMPONENTS_MAX = 16
export const COMPONENT_LENGTH_MAX = 64
export const KEY_BYTES_MAX = 32 * 1024

/** Of a request in whatever form; the largest configuration that these limits allow fits into it as XML. */
export const REQUEST_BYTES_MAX = 2 * 1024 ** 2
export const XML_DEPTH_MAX = 8
export const XML_ELEMENTS_MAX = 4096
/** Of one element. */
export const XML_ATTRIBUTES_MAX = 8
/** Parameters of a URL or form. */
export const PARAMETERS_MAX = 4096
/** Problems that one failure lists. */
export const PROBLEMS_MAX = 32
