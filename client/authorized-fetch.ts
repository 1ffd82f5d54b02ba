import type { SessionKeeper } from './session-keeper.ts'

/** RFC 6750 §3.1. Where the answer doesn't say, or may not be read from another origin, it may be the token. */
function refusesToken({ status, headers }: Response): boolean {
  return status === 401 && (headers.get('www-authenticate') ?? 'invalid_token').includes('invalid_token')
}

/**
 * `fetch` with the access token, for these origins and no other: a token that goes to a stranger is theirs.
 * On a redirect to another origin browsers take it away themselves (Fetch Standard, HTTP-redirect fetch).
 */
export function createAuthorizedFetch(
  { token: getToken, expire }: SessionKeeper,
  origins: ReadonlySet<string>
) {
  /** A token that was refused although it was new: a newer one would be no better. */
  let hopeless: string | undefined

  return async (input: RequestInfo | URL, init?: RequestInit): Promise<Response> => {
    // The original is kept whole, body included, for the second time.
    const prepare = () => new Request(input instanceof Request ? input.clone() : input, init)
    const first = prepare()
    if (!origins.has(new URL(first.url).origin) || first.headers.has('authorization')) return fetch(first)

    const send = (request: Request, token: string) => {
      request.headers.set('authorization', `Bearer ${token}`)
      return fetch(request)
    }
    const token = await getToken(undefined, first.signal)
    const response = await send(first, token)
    if (!refusesToken(response) || token === hopeless) return response
    if (init?.body instanceof ReadableStream) {
      // It is gone, and was not kept: it may have been of any size. The caller's own second time will do.
      expire()
      return response
    }
    const second = prepare()
    const newer = await getToken(token, second.signal)
    void response.body?.cancel()
    const answer = await send(second, newer)
    if (answer.status === 401) hopeless = newer
    return answer
  }
}
