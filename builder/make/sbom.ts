import type { PackageVersion } from './maker.ts'

/** A list of an image's packages as CycloneDX 1.5 (ECMA-424). Pure: the same packages and key give the same text. */

const PURL_BEGINNINGS = { debian: 'pkg:deb/debian', rpm: 'pkg:rpm' } as const

export interface SbomSubject {
  /** Name of the image. */
  readonly name: string
  /** SHA-256 of the configuration, hex; the document's serial number is made of it. */
  readonly key: string
  /** Release of the class: bookworm. */
  readonly release: string
}

/** @returns JSON with an end of line */
export function cycloneDx(subject: SbomSubject, packages: readonly PackageVersion[]): string {
  const components = [...packages].sort(compare).map((one) => {
    const reference = packageUrl(one, subject.release)
    return {
      type: 'library',
      'bom-ref': reference,
      name: one.name,
      version: one.version,
      purl: reference,
      ...(one.sha256 === '' ? {} : { hashes: [{ alg: 'SHA-256', content: one.sha256 }] }),
    }
  })
  const document = {
    bomFormat: 'CycloneDX',
    specVersion: '1.5',
    serialNumber: `urn:uuid:${uuidOf(subject.key)}`,
    version: 1,
    metadata: {
      component: {
        type: 'operating-system',
        'bom-ref': `image:${subject.key}`,
        name: subject.name,
        version: subject.key,
      },
    },
    components,
  }
  return `${JSON.stringify(document, undefined, 2)}\n`
}

/** Package URL (ECMA-427): what programs that know of vulnerabilities look for. An RPM's version may have an epoch. */
export function packageUrl({ name, version, arch, family }: PackageVersion, release: string): string {
  const epoch = family === 'rpm' ? /^(\d+):(.*)$/.exec(version) : null
  const plain = epoch?.[2] ?? version
  const qualifiers = [
    `arch=${encode(arch)}`,
    ...(release === '' ? [] : [`distro=${encode(release)}`]),
    ...(epoch === null || epoch[1] === '0' ? [] : [`epoch=${epoch[1]}`]),
  ]
  return `${PURL_BEGINNINGS[family]}/${encode(name)}@${encode(plain)}?${qualifiers.join('&')}`
}

function encode(text: string): string {
  return encodeURIComponent(text).replaceAll('%3A', ':')
}

/** 16 bytes of the key with version 8 (RFC 9562: made as its maker sees fit) and variant set. */
function uuidOf(key: string): string {
  const bytes = Buffer.from(key.padEnd(32, '0').slice(0, 32), 'hex')
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x80
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80
  const hex = bytes.toString('hex')
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-')
}

function compare(a: PackageVersion, b: PackageVersion): number {
  const [left, right] = [`${a.name} ${a.arch} ${a.version}`, `${b.name} ${b.arch} ${b.version}`]
  return left < right ? -1 : left > right ? 1 : 0
}
