import type { ProblemDetails } from '../../schemas/common.ts'
import { AuthError } from '../auth-error.ts'

export interface Call {
  headers: Record<string, string>
  body?: object
  /** seconds until the whole answer has to be there */
  timeout: number
  signal: AbortSignal
}

/**
 * POSTs to the auth server, with what React Native has too: no AbortSignal.timeout, no AbortSignal.any, no URL.
 * @returns the parsed body, undefined for 204
 * @throws AuthError: the server's refusal as it is; `action: retry` for whatever else comes in its place
 */
export async function post(url: string, { headers, body, timeout, signal }: Call): Promise<unknown> {
  const limit = new AbortController()
  const abort = () => {
    limit.abort()
  }
  const timer = setTimeout(abort, timeout * 1000)
  signal.addEventListener('abort', abort)
  if (signal.aborted) abort()
  let response: Response | undefined
  let answer: unknown
  let cause: unknown
  try {
    response = await fetch(url, {
      method: 'POST',
      headers: { ...headers, ...(body ? { 'content-type': 'application/json' } : {}) },
      ...(body ? { body: JSON.stringify(body) } : {}),
      // React Native would keep and send cookies of its own accord; and a token must not follow a redirect.
      credentials: 'omit',
      redirect: 'error',
      signal: limit.signal
    })
    if (response.status === 204) return undefined
    answer = await response.json()
    if (response.ok) return answer
  } catch (error) {
    cause = error
  } finally {
    clearTimeout(timer)
    signal.removeEventListener('abort', abort)
  }
  const status = response?.status
  const retryAfter = Number(response?.headers.get('retry-after')) || undefined
  if (isProblem(answer)) throw new AuthError(answer.code, answer.detail, { ...answer, retryAfter })
  const details = { action: 'retry', status, retryAfter, cause } as const
  if (limit.signal.aborted)
    throw new AuthError('timeout', `${url} has not answered within ${String(timeout)} s.`, details)
  if (response)
    throw new AuthError(
      'unexpected_answer',
      `What answers at ${url} is not Latchkey, but perhaps a proxy.`,
      details
    )
  throw new AuthError('network_error', `${url} can not be reached.`, details)
}

function isProblem(answer: unknown): answer is ProblemDetails {
  const { code, action = '' } = (answer ?? {}) as Partial<ProblemDetails>
  return !!code && ['retry', 'reauthenticate', 'none'].includes(action)
}

/** Resolves after `ms`, or as soon as the signal is aborted. */
export function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(done, ms)
    signal.addEventListener('abort', done)
    function done() {
      clearTimeout(timer)
      signal.removeEventListener('abort', done)
      resolve()
    }
  })
}
