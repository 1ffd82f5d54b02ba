import type { ProblemDetails } from '../schemas/common.ts'
import { AuthError, type ClientErrorCode } from './auth-error.ts'

export interface Call {
  /** Default: POST */
  method?: string | undefined
  body?: unknown
  headers?: Record<string, string>
  /** Ends the call; it then rejects with the signal's reason. */
  signal?: AbortSignal
  /** A member by which a good answer is known. Default: any 2xx is good */
  wanted?: string | undefined
  /** What sends it. Default: the page's `fetch` */
  send?: typeof fetch
}

/**
 * Asks the auth server, with its cookie.
 * @param path what follows `/auth/`
 * @returns the parsed body. Does NOT check more of it than that it has the wanted member
 * @throws AuthError: the server's refusal as it is; `action: retry` for whatever else comes in its place
 */
export type Ask = <Answer = void>(path: string, call?: Call) => Promise<Answer>

/** @param timeout ms until the whole answer has to be there */
export function createAsk(baseUrl: string, timeout: number): Ask {
  return async <Answer>(
    path: string,
    { method = 'POST', body, headers, signal, wanted, send = fetch }: Call = {}
  ) => {
    const deadline = within(timeout, signal)
    let response: Response | undefined
    let answer: unknown
    let cause: unknown
    try {
      response = await send(`${baseUrl}/auth/${path}`, {
        method,
        headers: body ? { 'content-type': 'application/json' } : (headers ?? {}),
        body: body ? JSON.stringify(body) : null,
        credentials: 'include',
        // It could only lead where the cookie has no business.
        redirect: 'error',
        signal: deadline
      })
      if (response.status !== 204) answer = await response.json()
      if (response.ok && (!wanted || (answer as Record<string, unknown> | null)?.[wanted])) {
        return answer as Answer
      }
    } catch (error) {
      if (error instanceof AuthError) throw error
      signal?.throwIfAborted()
      cause = error
    }
    const status = response?.status
    // RFC 9110 §10.2.3, in seconds. As a date it means nothing where the clock may be wrong.
    const retryAfter = Number(response?.headers.get('retry-after')) || undefined
    if (isProblem(answer)) throw new AuthError(answer.code, answer.detail, { ...answer, status, retryAfter })

    // What is left says nothing about the session.
    const { origin } = new URL(baseUrl)
    const page = globalThis.location?.origin ?? origin
    const [code, message]: [ClientErrorCode, string] = deadline.aborted
      ? ['timeout', `${origin} has not answered in ${String(timeout)} ms.`]
      : response
        ? ['unexpected_answer', `${origin} answers, but not as Latchkey.`]
        : [
            'network_error',
            `${origin} can not be reached${page === origin ? '' : `, or has no ${page} in ALLOWED_ORIGINS`}.`
          ]
    throw new AuthError(code, message, { action: 'retry', status, retryAfter, cause })
  }
}

/** Aborts after so many ms, or with the signal. */
export const within = (ms: number, signal = AbortSignal.timeout(ms)) =>
  AbortSignal.any([signal, AbortSignal.timeout(ms)])

/** RFC 9457 with our `code` and `action`; anything else was not said by Latchkey. */
function isProblem(answer: unknown): answer is ProblemDetails {
  const { code, action = '' } = (answer ?? {}) as Partial<ProblemDetails>
  return !!code && ['retry', 'reauthenticate', 'none'].includes(action)
}
