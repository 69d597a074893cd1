/** The port between the farm and what turns requests, however they are written, into configurations. */
import type { Catalog } from './catalog/catalog.ts'
import type { ImageConfig } from './config/image-config.ts'

/** Each way of asking throws BAD_REQUEST with the problems of its fields, and nothing else for bad input. */
export interface Requests {
  fromXml(text: string): ImageConfig
  /** Parameters of a /create URL: name, class, arch, filetype, group, package, … */
  fromQuery(parameters: URLSearchParams): ImageConfig
  /** Fields under the names of ImageConfig; what may be left out may be. */
  fromJson(value: unknown): ImageConfig
  toXml(config: ImageConfig): string
  /** What toXml has written, whatever has become of the catalogue since. */
  restore(xml: string): ImageConfig
  /** SHA-256 of the canonical configuration, 64 hexadecimal digits. */
  key(config: ImageConfig): string
  /** Name in the mesh: the configuration's, or one that is made of class, architecture and key. */
  name(config: ImageConfig): string
  /** JSON Schema (2020-12) of what fromJson takes. */
  readonly schema: Readonly<Record<string, unknown>>
  /** What there is to choose from; may change while the farm runs. */
  catalog(): Catalog
}
