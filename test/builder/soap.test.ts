/** The SOAP service: with the client of the npm package, with Python's zeep, and with what no client would send. */
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { FastifyInstance } from 'fastify'
import { BearerSecurity, createClientAsync } from 'soap'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { parseXml } from '../../builder/web/soap/xml.ts'
import { throwsCode } from '../support/failures.ts'
import { HOST, type TestFarm, TOKEN, withWeb } from '../support/farm/farm.ts'
import { ZEEP } from '../support/needed.ts'
import { testWith } from '../support/tools.ts'

const ENVELOPE = 'http://schemas.xmlsoap.org/soap/envelope/'
const NAMESPACE = 'urn:hotblock:farm:1'
const CLIENT = join(import.meta.dirname, '..', 'support', 'farm', 'zeep-client.py')

interface SoapFailure {
  readonly message: string
  // biome-ignore lint/suspicious/noExplicitAny: what the client makes of a fault's XML.
  readonly root: any
}

function withService(use: (url: string, farm: TestFarm, app: FastifyInstance) => Promise<void>): Promise<void> {
  return withWeb({}, async (app, farm) => {
    await app.listen({ host: '127.0.0.1', port: 0 })
    const { port } = app.server.address() as { port: number }
    await use(`http://127.0.0.1:${port}`, farm, app)
  })
}

test("the npm package's client creates, waits, lists, gets and deletes", () =>
  withService(async (url, farm) => {
    const client = await createClientAsync(`${url}/soap?wsdl`)
    client.setSecurity(new BearerSecurity(TOKEN))
    const configuration = { name: 'from-node', class: 'debian-12', group: ['base', 'core'], package: ['less'] }
    const [{ build }] = await client.createAsync({ configuration })
    assert.is(build.name, 'from-node')
    await farm.queue.wait(Number(build.id), AbortSignal.timeout(20_000))
    const [{ build: ended }] = await client.statusAsync({ build: build.id })
    assert.equal([ended.state, Number(ended.percent)], ['ready', 100])
    const [{ image: there }] = await client.createAsync({ configuration })
    const [{ image }] = await client.getAsync({ key: there.key })
    assert.equal([image.name, image.group, image.package, image.here], ['from-node', ['base', 'core'], ['less'], true])
    assert.ok(image.madeAt instanceof Date)
    const file = await fetch(image.url)
    assert.is((await file.arrayBuffer()).byteLength, image.bytes)
    const [list] = await client.listAsync({})
    assert.is(list.image.length, 1)
    const [deleted] = await client.deleteAsync({ key: image.key })
    assert.is(deleted.key, image.key)
    assert.equal(farm.repository.list(), [])
  }))

test("its faults carry code, message and the request's fields", () =>
  withService(async (url) => {
    const client = await createClientAsync(`${url}/soap?wsdl`)
    const refused = await client.createAsync({ configuration: {} }).catch((error: SoapFailure) => error)
    assert.match(String(refused.message), /UNAUTHORIZED/)
    client.setSecurity(new BearerSecurity(TOKEN))
    const wrong = await client
      .createAsync({ configuration: { class: 'nt4', name: 'a/b', package: ['-x'] } })
      .catch((error: SoapFailure) => error)
    const { faultcode, detail } = wrong.root.Envelope.Body.Fault
    assert.is(faultcode, 'soap:Client')
    assert.is(detail.failure.code, 'BAD_REQUEST')
    const fields = detail.failure.field.map(({ field }: { field: string }) => field)
    assert.ok(fields.includes('class') && fields.includes('name'), fields.join())
  }))

testWith('python3', ZEEP)('zeep does the same', () =>
  withService(async (url, farm) => {
    const { stdout } = await promisify(execFile)('/usr/bin/python3', [CLIENT, url, TOKEN])
    const found = JSON.parse(stdout)
    assert.equal(found.operations, ['create', 'delete', 'get', 'list', 'status'])
    assert.is(found.build.name, 'from-zeep')
    assert.is(found.ended, 'ready')
    assert.equal(found.images, ['from-zeep'])
    const { year, ...image } = found.image
    assert.equal(image, { groups: ['base', 'core'], packages: ['less'], bytes: 200_000, here: true, length: 200_000 })
    assert.is(year, new Date().getUTCFullYear())
    assert.equal(
      found.faults.map(({ message }: { message: string }) => message.split(':')[0]),
      ['BAD_REQUEST', 'NO_BUILD', 'NO_BUILD'],
    )
    assert.ok(found.faults[0].fields.includes('class'))
    assert.is(found.left, 0)
    assert.equal(farm.repository.list(), [])
  }),
)

const envelope = (body: string, head = ''): string =>
  `<soap:Envelope xmlns:soap="${ENVELOPE}" xmlns:f="${NAMESPACE}">${head}<soap:Body>${body}</soap:Body></soap:Envelope>`

async function send(app: FastifyInstance, text: string, headers: Record<string, string> = {}) {
  const answer = await app.inject({
    method: 'POST',
    url: '/soap',
    headers: { host: HOST, 'content-type': 'text/xml', authorization: `Bearer ${TOKEN}`, ...headers },
    payload: text,
  })
  return { status: answer.statusCode, body: answer.body }
}

test('document types, entities, depth, size and nonsense are refused as faults', () =>
  withWeb({}, async (app, farm) => {
    const deep = `${'<f:a>'.repeat(40)}${'</f:a>'.repeat(40)}`
    const bombs: [string, RegExp][] = [
      [`<!DOCTYPE x [<!ENTITY a "b">]>${envelope('<f:list/>')}`, /document type/],
      [`<!DOCTYPE x SYSTEM "file:///etc/passwd">${envelope('<f:get><f:key>&x;</f:key></f:get>')}`, /document type/],
      [envelope('<f:get><f:key>&unknown;</f:key></f:get>'), /not well-formed/],
      [envelope(`<f:create>${deep}</f:create>`), /nested deeper/],
      [envelope(`<f:create>${'<f:a/>'.repeat(9000)}</f:create>`), /more than 8192 elements/],
      [`<?xml-stylesheet href="x"?>${envelope('<f:list/>')}`, /processing instruction/],
      [envelope('<f:explode/>'), /calls no operation/],
      [envelope('<list/>'), /calls no operation/],
      [envelope('<f:list/><f:list/>'), /calls no operation/],
      [envelope('<f:status/>'), /build: is missing/],
      [envelope('<f:status><f:build>1e3</f:build></f:status>'), /no whole number/],
      [envelope('<f:status><f:build>1</f:build><f:build>2</f:build></f:status>'), /is there twice/],
      [
        envelope('<f:create><f:configuration><f:class>a<f:b/></f:class></f:configuration></f:create>'),
        /elements where text/,
      ],
      ['<a/>', /VersionMismatch/],
      ['not xml', /Client/],
      ['', /Client/],
      [envelope('<f:list/>', '<soap:Header><f:x soap:mustUnderstand="1"/></soap:Header>'), /MustUnderstand/],
    ]
    for (const [text, expected] of bombs) {
      const { status, body } = await send(app, text)
      assert.is(status, 500, text.slice(0, 80))
      assert.match(body, expected)
      assert.match(body, /<soap:Fault><faultcode>/)
      assert.is(parseXml(body).name, 'Envelope')
    }
    const large = await send(app, envelope(`<f:get><f:key>${'a'.repeat(5_000_000)}</f:key></f:get>`))
    assert.match(large.body, /<soap:Fault>/)
    const text = envelope('<f:create><f:configuration><f:class>debian-12</f:class></f:configuration></f:create>')
    assert.match((await send(app, text, { authorization: 'Bearer wrong-wrong-wrong-wrong' })).body, /UNAUTHORIZED/)
    assert.equal(farm.queue.list(), [])
  }))

test('what comes back is escaped, also where XML cannot hold it', () =>
  withWeb({}, async (app) => {
    const name = '&lt;b&gt;&amp;"&#13;]]&gt;'
    const { body } = await send(app, envelope(`<f:get><f:key>${name}</f:key></f:get>`))
    assert.is(parseXml(body).name, 'Envelope')
    throwsCode('BAD_REQUEST', () => parseXml('<a>\u0000</a>'))
  }))

test.run()
