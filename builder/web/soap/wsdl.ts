/** The service's WSDL 1.1: document/literal, wrapped, SOAP 1.1 over HTTP. */
import { FAILURE, type Field, isTypeName, NAMESPACE, SOAP_OPERATIONS, type SoapOperation, TYPES } from './types.ts'
import { escapeXml } from './xml.ts'

/** @param base where the farm is reached */
export function wsdl(base: string): string {
  const operations = Object.entries(SOAP_OPERATIONS) as [string, SoapOperation][]
  const lines = [
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<wsdl:definitions name="Farm" targetNamespace="${NAMESPACE}" xmlns:tns="${NAMESPACE}" xmlns:wsdl="http://schemas.xmlsoap.org/wsdl/" xmlns:soap="http://schemas.xmlsoap.org/wsdl/soap/" xmlns:xs="http://www.w3.org/2001/XMLSchema">`,
    '<wsdl:types>',
    `<xs:schema targetNamespace="${NAMESPACE}" elementFormDefault="qualified">`,
    ...Object.entries(TYPES).map(
      ([name, fields]) => `<xs:complexType name="${name}">${sequence(fields)}</xs:complexType>`,
    ),
    element('failure', FAILURE),
    ...operations.flatMap(([name, { input, output }]) => [element(name, input), element(`${name}Response`, output)]),
    '</xs:schema>',
    '</wsdl:types>',
    message('failure', 'failure'),
    ...operations.flatMap(([name]) => [message(`${name}Request`, name), message(`${name}Answer`, `${name}Response`)]),
    '<wsdl:portType name="FarmPort">',
    ...operations.map(
      ([name, { says }]) =>
        `<wsdl:operation name="${name}"><wsdl:documentation>${escapeXml(says)}</wsdl:documentation><wsdl:input message="tns:${name}Request"/><wsdl:output message="tns:${name}Answer"/><wsdl:fault name="failure" message="tns:failure"/></wsdl:operation>`,
    ),
    '</wsdl:portType>',
    '<wsdl:binding name="FarmBinding" type="tns:FarmPort">',
    '<soap:binding style="document" transport="http://schemas.xmlsoap.org/soap/http"/>',
    ...operations.map(
      ([name]) =>
        `<wsdl:operation name="${name}"><soap:operation soapAction="${NAMESPACE}#${name}"/><wsdl:input><soap:body use="literal"/></wsdl:input><wsdl:output><soap:body use="literal"/></wsdl:output><wsdl:fault name="failure"><soap:fault name="failure" use="literal"/></wsdl:fault></wsdl:operation>`,
    ),
    '</wsdl:binding>',
    '<wsdl:service name="Farm">',
    '<wsdl:documentation>Creating and deleting need the header Authorization: Bearer TOKEN.</wsdl:documentation>',
    `<wsdl:port name="FarmPort" binding="tns:FarmBinding"><soap:address location="${escapeXml(base)}/soap"/></wsdl:port>`,
    '</wsdl:service>',
    '</wsdl:definitions>',
  ]
  return `${lines.join('\n')}\n`
}

function element(name: string, fields: readonly Field[]): string {
  return `<xs:element name="${name}"><xs:complexType>${sequence(fields)}</xs:complexType></xs:element>`
}

function sequence(fields: readonly Field[]): string {
  const parts = fields.map(({ name, type, times }) => {
    const occurs = { one: '', maybe: ' minOccurs="0"', many: ' minOccurs="0" maxOccurs="unbounded"' }[times]
    return `<xs:element name="${name}" type="${isTypeName(type) ? 'tns' : 'xs'}:${type}"${occurs}/>`
  })
  return `<xs:sequence>${parts.join('')}</xs:sequence>`
}

function message(name: string, of: string): string {
  return `<wsdl:message name="${name}"><wsdl:part name="parameters" element="tns:${of}"/></wsdl:message>`
}
