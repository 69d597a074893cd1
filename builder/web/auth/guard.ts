/** Who asks, and whether they may: by bearer token, or by a session's cookie together with a secret in the form. */
import type { FastifyReply, FastifyRequest } from 'fastify'
import { HotblockError } from '../../../protocols/errors.ts'
import { isSameOrigin } from '../hosts.ts'
import type { Attempts } from './attempts.ts'
import { SESSION_MS, type Session, type Sessions, sameText } from './sessions.ts'
import type { Tokens } from './tokens.ts'

export interface GuardInit {
  readonly tokens: Tokens
  readonly sessions: Sessions
  readonly attempts: Attempts
  /** The pages are reached by https: the cookie is sent over nothing else. */
  readonly secure: boolean
}

export interface Guard {
  /** Whose bearer token a request carries; undefined where it has none. @throws UNAUTHORIZED, TOO_MANY */
  bearer(request: FastifyRequest): string | undefined
  /** The same, where there has to be one. */
  needBearer(request: FastifyRequest): string
  session(request: FastifyRequest): Session | undefined
  /** For what changes something: a bearer token, or a form that a page of the farm's own has sent. @throws FORBIDDEN, … */
  needForm(request: FastifyRequest, fields: URLSearchParams): string
  /** @throws UNAUTHORIZED, TOO_MANY, FORBIDDEN */
  login(request: FastifyRequest, reply: FastifyReply, token: string): string
  logout(request: FastifyRequest, reply: FastifyReply): void
}

export function createGuard({ tokens, sessions, attempts, secure }: GuardInit): Guard {
  const cookieName = secure ? '__Host-hotblock' : 'hotblock'
  const attributes = `Path=/; HttpOnly; SameSite=Strict${secure ? '; Secure' : ''}`
  const cookieOf = (request: FastifyRequest): string | undefined => {
    for (const part of (request.headers.cookie ?? '').split(';')) {
      const [name, value] = part.trim().split('=', 2)
      if (name === cookieName) return value
    }
    return undefined
  }
  const owner = (request: FastifyRequest, token: string): string => {
    attempts.check(request.ip)
    const who = tokens.owner(token)
    if (who !== undefined) return who
    attempts.wrong(request.ip)
    throw new HotblockError('UNAUTHORIZED', 'the token is wrong')
  }
  const guard: Guard = {
    bearer(request) {
      const { authorization } = request.headers
      if (authorization === undefined) return undefined
      const [, token] = /^Bearer +([^\s]{1,512})$/i.exec(authorization) ?? []
      if (token === undefined) throw new HotblockError('UNAUTHORIZED', 'the Authorization header has no bearer token')
      return owner(request, token)
    },
    needBearer(request) {
      const who = guard.bearer(request)
      if (who === undefined) throw new HotblockError('UNAUTHORIZED', 'a token is needed')
      return who
    },
    session: (request) => sessions.find(cookieOf(request)),
    needForm(request, fields) {
      const who = guard.bearer(request)
      if (who !== undefined) return who
      const session = guard.session(request)
      if (session === undefined) throw new HotblockError('UNAUTHORIZED', 'nobody is logged in')
      if (isSameOrigin(request.headers) === false) {
        throw new HotblockError('FORBIDDEN', 'the form was sent by a page of another site')
      }
      if (!sameText(fields.get('csrf') ?? '', session.csrf)) {
        throw new HotblockError('FORBIDDEN', "the form's secret is not that of the session")
      }
      return session.who
    },
    login(request, reply, token) {
      if (isSameOrigin(request.headers) === false) {
        throw new HotblockError('FORBIDDEN', 'the form was sent by a page of another site')
      }
      const who = owner(request, token)
      sessions.close(cookieOf(request))
      const value = sessions.open(who)
      reply.header('set-cookie', `${cookieName}=${value}; Max-Age=${SESSION_MS / 1000}; ${attributes}`)
      return who
    },
    logout(request, reply) {
      sessions.close(cookieOf(request))
      reply.header('set-cookie', `${cookieName}=; Max-Age=0; ${attributes}`)
    },
  }
  return guard
}
