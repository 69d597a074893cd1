/** The operations of the REST API: the table that both the routes and the OpenAPI document are made from. */
import type { z } from 'zod'
import * as schemas from './schemas.ts'

export interface Operation {
  readonly method: 'get' | 'post' | 'delete'
  /** As OpenAPI writes it: /api/images/{key} */
  readonly path: string
  readonly id: string
  readonly summary: string
  readonly token?: true
  readonly parameters?: readonly {
    readonly name: string
    readonly in: 'path' | 'query'
    readonly description: string
  }[]
  readonly body?: 'configuration'
  readonly answers: readonly {
    readonly status: number
    readonly description: string
    readonly schema?: { readonly name: string; readonly of: z.ZodType }
    readonly type?: string
  }[]
}

const KEY = { name: 'key', in: 'path', description: "SHA-256 of the image's configuration" } as const
const ID = { name: 'id', in: 'path', description: 'number of the build' } as const
const one = (name: string, of: z.ZodType, description: string, status = 200) => ({
  status,
  description,
  schema: { name, of },
})

export const OPERATIONS = [
  {
    method: 'get',
    path: '/api/images',
    id: 'listImages',
    summary: 'All images of the repository, newest first',
    answers: [one('Images', schemas.images, 'The images')],
  },
  {
    method: 'get',
    path: '/api/images/{key}',
    id: 'getImage',
    summary: 'One image',
    parameters: [KEY],
    answers: [one('Image', schemas.image, 'The image')],
  },
  {
    method: 'delete',
    path: '/api/images/{key}',
    id: 'deleteImage',
    summary: 'Delete an image from the repository and from the node',
    token: true,
    parameters: [KEY],
    answers: [one('Image', schemas.image, 'The image as it was')],
  },
  {
    method: 'get',
    path: '/api/images/{key}/file',
    id: 'downloadImage',
    summary: 'The bytes of an image; understands Range',
    parameters: [KEY],
    answers: [
      { status: 200, description: 'The file', type: 'application/octet-stream' },
      { status: 206, description: 'A part of it', type: 'application/octet-stream' },
      { status: 416, description: 'The range lies outside of the file' },
    ],
  },
  {
    method: 'get',
    path: '/api/images/{key}/files/{file}',
    id: 'downloadBeside',
    summary: 'A file beside an image: config.xml, sbom.cdx.json, kernel, initrd, build.log, console.log',
    parameters: [KEY, { name: 'file', in: 'path', description: 'name of the file' }],
    answers: [{ status: 200, description: 'The file', type: 'application/octet-stream' }],
  },
  {
    method: 'post',
    path: '/api/builds',
    id: 'createImage',
    summary: 'Ask for an image: one that is there is handed out at once, equal requests share one build',
    token: true,
    body: 'configuration',
    answers: [
      one('Submitted', schemas.submitted, 'The image was there', 200),
      one('Submitted', schemas.submitted, 'It is being built', 202),
    ],
  },
  {
    method: 'get',
    path: '/api/builds',
    id: 'listBuilds',
    summary: 'Builds that wait, run or have ended, newest first',
    answers: [one('Builds', schemas.builds, 'The builds')],
  },
  {
    method: 'get',
    path: '/api/builds/{id}',
    id: 'getBuild',
    summary: 'One build',
    parameters: [ID],
    answers: [one('Build', schemas.build, 'The build')],
  },
  {
    method: 'post',
    path: '/api/builds/{id}/cancel',
    id: 'cancelBuild',
    summary: 'Cancel a build that waits or runs',
    token: true,
    parameters: [ID],
    answers: [one('Build', schemas.build, 'The build')],
  },
  {
    method: 'get',
    path: '/api/builds/{id}/log',
    id: 'readLog',
    summary: 'The log of a build, at most its newest 2,000 lines',
    parameters: [ID, { name: 'follow', in: 'query', description: '1: goes on until the build has ended' }],
    answers: [{ status: 200, description: 'Lines of text', type: 'text/plain' }],
  },
  {
    method: 'get',
    path: '/api/builds/{id}/events',
    id: 'followBuild',
    summary: 'A build as it goes on: events state (a Build), log (a line), end',
    parameters: [ID, { name: 'after', in: 'query', description: 'lines of the log up to this number are known' }],
    answers: [{ status: 200, description: 'Server-sent events', type: 'text/event-stream' }],
  },
  {
    method: 'get',
    path: '/api/catalogue',
    id: 'readCatalogue',
    summary: 'Classes, groups and appliances to choose from',
    answers: [one('Catalogue', schemas.catalogue, 'The catalogue')],
  },
  {
    method: 'get',
    path: '/api/events',
    id: 'listEvents',
    summary: 'What happened on the farm, newest first',
    answers: [one('Events', schemas.events, 'The events')],
  },
  {
    method: 'get',
    path: '/api/status',
    id: 'readStatus',
    summary: 'How the farm does',
    answers: [one('Status', schemas.status, 'The status')],
  },
  {
    method: 'get',
    path: '/api/openapi.json',
    id: 'readOpenApi',
    summary: 'This document',
    answers: [{ status: 200, description: 'OpenAPI 3.1', type: 'application/json' }],
  },
] as const satisfies readonly Operation[]

export type OperationId = (typeof OPERATIONS)[number]['id']
