/** The list of an image's packages as CycloneDX 1.6 in JSON (https://cyclonedx.org/docs/1.6/json/). */
import { VERSION } from '../../node/version.ts'
import type { PackageVersion } from '../make/maker.ts'
import type { Entry } from './entry.ts'

/** The same image gives the same text: there is no time in it, and its serial number is made of the key. */
export function cycloneDx(
  image: Pick<Entry, 'key' | 'name' | 'sha256' | 'config'>,
  packages: readonly PackageVersion[],
): string {
  const components = packages
    .map((each) => ({
      type: 'library',
      'bom-ref': packageUrl(each, image.config.class),
      name: each.name,
      version: each.version,
      ...(each.sha256 === '' ? {} : { hashes: [{ alg: 'SHA-256', content: each.sha256 }] }),
      purl: packageUrl(each, image.config.class),
    }))
    .sort((a, b) => (a.purl < b.purl ? -1 : 1))
  const document = {
    $schema: 'http://cyclonedx.org/schema/bom-1.6.schema.json',
    bomFormat: 'CycloneDX',
    specVersion: '1.6',
    serialNumber: `urn:uuid:${uuid(image.key)}`,
    version: 1,
    metadata: {
      tools: { components: [{ type: 'application', name: 'hotblock', version: VERSION }] },
      component: {
        type: 'operating-system',
        'bom-ref': 'image',
        name: image.name,
        version: image.key.slice(0, 16),
        hashes: [{ alg: 'SHA-256', content: image.sha256 }],
        properties: [
          { name: 'hotblock:key', value: image.key },
          { name: 'hotblock:class', value: image.config.class },
        ],
      },
    },
    components: unique(components),
  }
  return `${JSON.stringify(document, undefined, 2)}\n`
}

/**
 * pkg:deb/debian/bash@5.2.15-2%2Bb2?arch=amd64 (https://github.com/package-url/purl-spec): what programs that know of
 * vulnerabilities look for. The epoch of an RPM stands apart from its version there.
 */
export function packageUrl({ name, version, arch, family }: PackageVersion, imageClass: string): string {
  const [type, namespace] = family === 'debian' ? ['deb', 'debian'] : ['rpm', imageClass]
  const epoch = family === 'rpm' ? /^(\d+):(.*)$/.exec(version) : null
  const qualifiers = [
    ...(arch === '' ? [] : [`arch=${escaped(arch)}`]),
    ...(epoch === null || epoch[1] === '0' ? [] : [`epoch=${epoch[1]}`]),
  ]
  const of = qualifiers.length === 0 ? '' : `?${qualifiers.join('&')}`
  return `pkg:${type}/${escaped(namespace)}/${escaped(name)}@${escaped(epoch?.[2] ?? version)}${of}`
}

function escaped(text: string): string {
  return encodeURIComponent(text).replaceAll('%3A', ':')
}

/** Version 8 of RFC 9562: of bits of the maker's own choice. */
function uuid(key: string): string {
  const variant = ((Number.parseInt(key[16] ?? '0', 16) & 3) | 8).toString(16)
  return `${key.slice(0, 8)}-${key.slice(8, 12)}-8${key.slice(13, 16)}-${variant}${key.slice(17, 20)}-${key.slice(20, 32)}`
}

/** References within the document have to be unique. */
function unique<T extends { purl: string }>(components: readonly T[]): T[] {
  return components.filter(({ purl }, i) => purl !== components[i - 1]?.purl)
}
