import { randomBytes, randomUUID } from 'node:crypto'
import type { Request } from 'autocannon'
import { decodeJwt } from 'jose'

const password = 'correct horse battery staple'
const json = { 'content-type': 'application/json' }
const refreshCookie = '__Host-refresh_token'
const deviceCookie = '__Host-device'

/** A browser with an account and a session, which keeps the tokens that it was given last. */
export interface Visitor {
  readonly refreshToken: string
  me: () => Request
  verify: () => Request
  refresh: () => Request
  /** In another browser of the same person, known from the first time on: the session here stands. */
  login: () => Request
  /** Of somebody new each time. */
  signup: () => Request
  /** A request that is made anew, with the newest tokens, each time that it is sent. */
  anew: (make: () => Request) => Request
  /** The same, and the tokens of its answer are kept. */
  keeping: (make: () => Request) => Request
  /** Sends one request and keeps the tokens of its answer. */
  send: (request: Request) => Promise<number>
  /**
   * Whether the session still is this visitor's, and has one head: the newest token, sent twice at once, has to be
   * answered twice, with one and the same generation. @returns what is wrong
   */
  findFault: () => Promise<string | undefined>
}

/** @throws where it is not answered 201 */
export async function signUp(url: string): Promise<Visitor> {
  const email = newEmail()
  let access = ''
  let refresh = ''
  const otherBrowser = `${deviceCookie}=${randomBytes(16).toString('base64url')}`

  const keep: NonNullable<Request['onResponse']> = (status, body, _context, headers) => {
    if (status >= 300) return
    refresh = refreshTokenIn(headers['set-cookie']) ?? refresh
    access = (JSON.parse(body) as { access_token: string }).access_token
  }
  const bearer = () => ({ authorization: `Bearer ${access}` })
  const credentials = (email: string): Request => ({
    ...{ method: 'POST', path: '/auth/signup', headers: json },
    body: JSON.stringify({ email, password })
  })
  const makeRefresh = (): Request => ({
    ...{ method: 'POST', path: '/auth/refresh' },
    headers: { cookie: `${refreshCookie}=${refresh}` }
  })

  const anew = (make: () => Request): Request => ({
    ...make(),
    setupRequest: (request) => ({ ...request, ...make() })
  })

  const visitor: Visitor = {
    get refreshToken() {
      return refresh
    },
    me: () => ({ path: '/auth/me', headers: bearer() }),
    verify: () => ({ path: '/auth/verify', headers: bearer() }),
    refresh: makeRefresh,
    login: () => ({
      ...credentials(email),
      path: '/auth/login',
      headers: { ...json, cookie: otherBrowser }
    }),
    signup: () => credentials(newEmail()),
    anew,
    keeping: (make) => ({ ...anew(make), onResponse: keep }),
    async send(request) {
      const response = await send(url, request)
      keep(response.status, await response.text(), {}, { 'set-cookie': response.headers.getSetCookie() })
      return response.status
    },
    async findFault() {
      const answers = await Promise.all([send(url, makeRefresh()), send(url, makeRefresh())])
      const statuses = answers.map(({ status }) => status)
      if (statuses.some((status) => status !== 200))
        return `its newest token is answered ${statuses.join(' and ')}`
      const tokens = answers.map(({ headers }) => refreshTokenIn(headers.getSetCookie()) ?? '')
      const heads = new Set(tokens.map(generationOf))
      if (heads.size > 1) return `its session has the heads ${[...heads].join(' and ')}`
      refresh = tokens[0] ?? refresh
      return undefined
    }
  }
  const status = await visitor.send(credentials(email))
  if (status !== 201) throw new Error(`signup was answered ${String(status)}`)
  return visitor
}

/** What a refresh token is of: `session.generation`. */
export function generationOf(refreshToken: string): string {
  return decodeJwt(refreshToken).jti ?? ''
}

export function refreshTokenIn(cookies: string | string[] = []): string | undefined {
  const start = `${refreshCookie}=`
  const cookie = [cookies].flat().find((cookie) => cookie.startsWith(start))
  return cookie?.slice(start.length).split(';', 1).join('')
}

const newEmail = () => `${randomUUID()}@example.com`

export async function send(
  url: string,
  { path, method = 'GET', headers = {}, body }: Request
): Promise<Response> {
  return fetch(url + path, { method, headers, ...(body === undefined ? {} : { body }) })
}
