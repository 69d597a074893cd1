/** The port between the farm and what turns requests, however they are written, into configurations. */
import type { Catalog } from './catalog/catalog.ts'
import { configKey, meshName } from './config/canonical.ts'
import { parseCreate } from './config/create.ts'
import type { ImageConfig } from './config/image-config.ts'
import { type NormaliseOptions, normalise, restore } from './config/normalise.ts'
import { requestJsonSchema } from './config/raw.ts'
import { parseXml, toXml } from './config/xml.ts'

/** Each way of asking throws BAD_REQUEST with the problems of its fields, and nothing else for bad input. */
export interface Requests {
  fromXml(text: string): ImageConfig
  /** The query of a /create URL: name, class, arch, filetype, group, package, … Of `ignored` parameters nothing is read. */
  fromQuery(query: string, ignored: readonly string[]): ImageConfig
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

/** @param catalog what there is now  @param options of normalise */
export function createRequests(catalog: () => Catalog, options: NormaliseOptions = {}): Requests {
  return {
    fromXml: (text) => normalise(parseXml(text), catalog(), options),
    fromQuery: (query, ignored) => parseCreate(query, catalog(), { ...options, ignored }).config,
    fromJson: (value) => normalise(value, catalog(), options),
    toXml,
    restore: (xml) => restore(parseXml(xml)),
    key: configKey,
    name: (config) => meshName(config),
    schema: requestJsonSchema(),
    catalog,
  }
}
