/** Answers of the SOAP service: envelopes and faults. */
import type { HotblockError } from '../../../protocols/errors.ts'
import { fieldsOf } from '../problems.ts'
import { FAILURE, NAMESPACE } from './types.ts'
import { escapeXml, writeFields } from './xml.ts'

export const ENVELOPE = 'http://schemas.xmlsoap.org/soap/envelope/'

/** An envelope around what a body holds. */
export function envelope(body: string): string {
  return `<?xml version="1.0" encoding="UTF-8"?>\n<soap:Envelope xmlns:soap="${ENVELOPE}" xmlns:f="${NAMESPACE}"><soap:Body>${body}</soap:Body></soap:Envelope>\n`
}

/** @param callers whether the caller can mend it */
export function faultOf(error: HotblockError, callers: boolean): string {
  const { code, message, hint } = error
  const detail = writeFields({ code, message, hint, field: fieldsOf(error) }, FAILURE)
  const kind = callers ? 'Client' : 'Server'
  return envelope(
    `<soap:Fault><faultcode>soap:${kind}</faultcode><faultstring>${escapeXml(`${code}: ${message}`)}</faultstring><detail><f:failure>${detail}</f:failure></detail></soap:Fault>`,
  )
}

/** Faults that SOAP 1.1 itself names. */
export function plainFault(kind: 'VersionMismatch' | 'MustUnderstand', text: string): string {
  return envelope(
    `<soap:Fault><faultcode>soap:${kind}</faultcode><faultstring>${escapeXml(text)}</faultstring></soap:Fault>`,
  )
}
