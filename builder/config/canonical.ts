/**
 * A configuration's bytes, its key, and the name of an image that was given none.
 *
 * Bytes: CONFIG_DOMAIN, then the DAG-CBOR of a map with `v` and all fields of ImageConfig under their names. DAG-CBOR
 * has one form for a value, and the configuration is one value for all equal requests, so equal requests are equal
 * bytes. The key is their SHA-256; it is also the digest that the image's record carries.
 */
import { hash } from 'node:crypto'
import * as cbor from '@ipld/dag-cbor'
import { checkName } from '../../protocols/records/name.ts'
import type { ImageConfig } from './image-config.ts'

/** What is hashed begins with this, so that nothing else that is hashed anywhere has a configuration's key. */
export const CONFIG_DOMAIN = 'hotblock-config:'
/** Changes when equal fields come to mean another image. */
export const CONFIG_VERSION = 1
const NAME_KEY_CHARACTERS = 8

/** @param config of normalise or restore */
export function canonicalBytes(config: ImageConfig): Uint8Array {
  const { name, class: imageClass, arch, fileType, appliance, groups, packages } = config
  const { imageBytes, boot, script } = config
  const files = config.files.map(({ path, mode, content }) => ({ path, mode, content }))
  const repositories = config.repositories.map(({ uri, suite, components, key }) => ({ uri, suite, components, key }))
  const fields = { name, class: imageClass, arch, fileType, appliance, groups, packages, imageBytes, boot, script }
  const body = cbor.encode({ v: CONFIG_VERSION, ...fields, files, repositories })
  return Buffer.concat([Buffer.from(CONFIG_DOMAIN), body])
}

/** The image's key: SHA-256 in lower-case hex. */
export function configKey(config: ImageConfig): string {
  return hash('sha256', canonicalBytes(config), 'hex')
}

/** The name in the mesh: the configuration's own, else class-arch[-appliance]- and the key's first characters. */
export function meshName(config: ImageConfig, key: string = configKey(config)): string {
  if (config.name !== '') return config.name
  const parts = [config.class, config.arch, config.appliance, key.slice(0, NAME_KEY_CHARACTERS)]
  return checkName(parts.filter((part) => part !== '').join('-'))
}
