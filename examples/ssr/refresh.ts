// Refresh on the server that renders pages, as with Next.js: the page's own request brings the cookie, and what
// is rendered needs an access token. However many components of a request ask, and however many requests of one
// browser are under way (a page, its data, its prefetches), the session is refreshed once.
//
// In Next.js: call it in proxy.ts (middleware.ts before version 16), as server components can't set cookies; give
// `access_token` on to them in a request header, and append every `set_cookie` to the response.

import { LRUCache } from 'lru-cache'

export interface RenderSession {
  /** `unknown`: Latchkey was not to be reached. Render what needs no user; do not send anybody to the login. */
  status: 'signed_in' | 'signed_out' | 'unknown'
  access_token?: string
  user?: { id: string; email: string }
  /** `Set-Cookie` headers for the browser. Without them it keeps the old token, and is taken for a thief. */
  set_cookie: string[]
}

/** ms for which late requests with the old cookie get the same answer; less than `REFRESH_OVERLAP`. */
const late = 5000

/** @param url of the refresh route, such as `http://127.0.0.1:3000/auth/refresh` */
export function createRenderSessions(url: string) {
  /** By the refresh token that a browser shows. */
  const sessions = new LRUCache<string, Promise<RenderSession>>({ max: 10_000 })

  const exchange = async (token: string, headers: Headers): Promise<RenderSession> => {
    try {
      const response = await fetch(url, {
        method: 'POST',
        headers: {
          cookie: headers.get('cookie') ?? '',
          'user-agent': headers.get('user-agent') ?? '',
          'idempotency-key': crypto.randomUUID()
        },
        signal: AbortSignal.timeout(5000)
      })
      const set_cookie = response.headers.getSetCookie()
      const { access_token, user, expires_in = 0, action } = (await response.json()) as Answer
      if (access_token && user) {
        const session = { status: 'signed_in', access_token, user } as const
        // The browser comes back with the new cookie: its access token is good for a while.
        const next = tokenIn(set_cookie.join('; '))
        if (next)
          sessions.set(next, Promise.resolve({ ...session, set_cookie: [] }), { ttl: expires_in * 750 })
        return { ...session, set_cookie }
      }
      if (action === 'reauthenticate') return { status: 'signed_out', set_cookie }
    } catch {
      // No answer, or a proxy's: says nothing about the session.
    }
    sessions.delete(token)
    return { status: 'unknown', set_cookie: [] }
  }

  /** The session of the browser that sends this request. */
  return async ({ headers }: Pick<Request, 'headers'>): Promise<RenderSession> => {
    const token = tokenIn(headers.get('cookie') ?? '')
    if (!token) return { status: 'signed_out', set_cookie: [] }
    const known = sessions.get(token)
    if (known) return known
    const asked = exchange(token, headers)
    sessions.set(token, asked, { ttl: late })
    return asked
  }
}

type Answer = Partial<RenderSession> & { expires_in?: number; action?: string }

const tokenIn = (cookies: string) => /__Host-refresh_token=([^;]+)/.exec(cookies)?.[1]
