import cookie, { type CookieSerializeOptions } from '@fastify/cookie'
import type { FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import { randomBytes } from 'node:crypto'
import { bearerToken } from '../lib/bearer.ts'
import { addressOf } from '../lib/network.ts'
import { Problem } from '../lib/problem.ts'
import type { IssuedTokens, RequestOrigin, SignIn } from '../lib/session.ts'
import type { Client } from '../schemas/common.ts'
import type { TokenAnswer } from '../schemas/tokens.ts'

declare module 'fastify' {
  interface FastifyRequest {
    cameFrom(): RequestOrigin
    /** What a login or signup chooses for its session: transport and device. */
    signIn(): SignIn
    /** The refresh token of the request and the way it came. */
    refreshCredential(): RefreshCredential
    /** The sessions that a request shows tokens of, expired or not, access or refresh: what it may log out. */
    presentedSessions(): Promise<string[]>
    /** What names the device: `X-Device-Id`, or the device cookie. */
    deviceId(): string | null
  }
  interface FastifyReply {
    /** Answers with tokens: the refresh token in the cookie, or in the body of a native session. */
    sendTokens(issued: IssuedTokens): FastifyReply
    /** Gives a browser its device cookie, or renews it. */
    setDeviceCookie(signIn: SignIn): FastifyReply
    clearRefreshCookie(): FastifyReply
  }
}

export interface RefreshCredential {
  token: string
  client: Client
}

// The prefix makes browsers insist on Secure, Path=/ and no Domain (RFC 6265bis §4.1.3.2).
const refreshCookie = '__Host-refresh_token'
const deviceCookie = '__Host-device'

/** Browsers keep no cookie for longer (RFC 6265bis §5.5), in seconds. */
const deviceCookieMaxAge = 400 * 86_400

/** The values of all cookies of a name, as they came. Tokens are base64url and dots, so that nothing is to be decoded. */
function cookiesNamed(name: string, header = ''): string[] {
  const start = `${name}=`
  const values: string[] = []
  for (const pair of header.split(';')) {
    const cookie = pair.trim()
    if (cookie.startsWith(start)) values.push(cookie.slice(start.length))
  }
  return values
}

/** The first device cookie, whose value may be what an `X-Device-Id` chose. */
function deviceCookieOf(header: string | undefined): string | null {
  const [value] = cookiesNamed(deviceCookie, header)
  if (value === undefined) return null
  try {
    return decodeURIComponent(value)
  } catch {
    // None that we have set.
    return null
  }
}

/**
 * How refresh tokens travel: decorates requests with what they carry and replies with what they give.
 * A session stays with the transport that it was made for.
 */
export default fp(
  async (fastify) => {
    const { COOKIE_SAMESITE: sameSite, COOKIE_PARTITIONED: partitioned } = fastify.configuration
    const attributes = {
      // Where the host app has set defaults for its own cookies, these would break ours.
      domain: '',
      signed: false,
      encode: encodeURIComponent,
      path: '/',
      httpOnly: true,
      secure: true,
      sameSite,
      partitioned
    } satisfies CookieSerializeOptions

    if (!fastify.hasPlugin('@fastify/cookie')) await fastify.register(cookie, { hook: false })
    const refreshCookieAttributes = fastify
      .serializeCookie(refreshCookie, '', attributes)
      .slice(`${refreshCookie}=`.length)

    fastify.decorateRequest('cameFrom', function (this: FastifyRequest) {
      return { ip: addressOf(this.ip), user_agent: this.headers['user-agent']?.slice(0, 500) ?? null }
    })

    fastify.decorateRequest('signIn', function (this: FastifyRequest) {
      const client = chosenClient(this)
      const device_id =
        this.deviceId() ?? (client === 'browser' ? randomBytes(16).toString('base64url') : null)
      return { ...this.cameFrom(), client, device_id }
    })

    fastify.decorateRequest('refreshCredential', function (this: FastifyRequest) {
      const cookies = cookiesNamed(refreshCookie, this.headers.cookie)
      if (cookies.length > 1) {
        throw new Problem(
          'duplicate_cookie',
          'The refresh cookie came more than once. It was cleared; log in again.'
        )
      }
      if (cookies.length > 0 && this.headers.authorization !== undefined) {
        throw new Problem(
          'multiple_credentials',
          'Send either the cookie or the Authorization header, not both.'
        )
      }
      const [token] = cookies
      if (token) return { token, client: 'browser' as const }
      const fromHeader = bearerToken(this.headers.authorization)
      if (fromHeader) return { token: fromHeader, client: 'native' as const }
      throw new Problem(
        'refresh_token_missing',
        'No refresh token came. Browsers send its cookie from the same site only, over https or on localhost; native apps send it as Authorization: Bearer.'
      )
    })

    fastify.decorateRequest('presentedSessions', async function (this: FastifyRequest) {
      const [fromCookie = ''] = cookiesNamed(refreshCookie, this.headers.cookie)
      const fromHeader = bearerToken(this.headers.authorization) ?? ''
      const tokens = await Promise.all(
        [fromCookie, fromHeader].map((token) => fastify.readToken(token, { expired: true }))
      )
      const sids = tokens.flatMap((token) => (token ? [token.claims.sid] : []))
      return [...new Set(sids)]
    })

    fastify.decorateRequest('deviceId', function (this: FastifyRequest) {
      const { 'x-device-id': header } = this.headers
      if (header === undefined) return deviceCookieOf(this.headers.cookie)
      if (typeof header !== 'string' || !/^[\x21-\x7e]{1,200}$/.test(header)) {
        throw new Problem('invalid_request', 'X-Device-Id must be 1 to 200 visible ASCII characters.')
      }
      return header
    })

    fastify.decorateReply('sendTokens', function (issued) {
      const { access_token, expires_in, session_id, user, refresh_token, refresh_expires_in, client } = issued
      const answer: TokenAnswer = { access_token, token_type: 'Bearer', expires_in, session_id, user }
      if (issued.verdict) answer.verdict = issued.verdict
      void this.header('cache-control', 'no-store')
      if (client === 'native') return this.send(Object.assign(answer, { refresh_token, refresh_expires_in }))
      // Base64url and dots: nothing in it is to be encoded, which setCookie would look for.
      const maxAge = `Max-Age=${String(refresh_expires_in)}`
      void this.header('set-cookie', `${refreshCookie}=${refresh_token}; ${maxAge}${refreshCookieAttributes}`)
      return this.send(answer)
    })

    fastify.decorateReply('setDeviceCookie', function ({ client, device_id }) {
      if (client === 'native' || device_id === null) return this
      return this.setCookie(deviceCookie, device_id, { ...attributes, maxAge: deviceCookieMaxAge })
    })

    fastify.decorateReply('clearRefreshCookie', function () {
      return this.clearCookie(refreshCookie, attributes)
    })
  },
  { name: 'transport', dependencies: ['configuration', 'read-token'] }
)

function chosenClient(request: FastifyRequest): Client {
  const { 'x-client': client = 'browser', origin, cookie } = request.headers
  if (client === 'browser') return client
  if (client !== 'native') throw new Problem('invalid_request', 'X-Client must be "browser" or "native".')
  // A page's script can't leave these headers out, so no XSS can ask for a readable refresh token. Only
  // Sec-Fetch-Mode says nothing by itself: the fetch of Node sends it too, and browsers send the others with it.
  const fromBrowser =
    origin !== undefined ||
    cookie !== undefined ||
    Object.keys(request.headers).some((name) => /^sec-fetch-(?!mode$)/.test(name))
  if (fromBrowser) {
    throw new Problem(
      'native_not_allowed',
      'A request with Origin, Sec-Fetch-Site or cookies can not have a native session; leave X-Client out.'
    )
  }
  return client
}
