// Without the SDK: what every client has to do, in fetch alone. For one tab; the SDK also shares with the others.

/** Where Latchkey is. */
const auth = '/account/auth'
const storageName = 'attempt'

/** In memory only: what a script can read from storage, a stranger's script can read too. */
let accessToken: string | undefined
let refreshing: Promise<string | undefined> | undefined

/** Signs up or logs in. */
export async function signIn(how: 'signup' | 'login', email: string, password: string): Promise<void> {
  const response = await fetch(`${auth}/${how}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ email, password })
  })
  const answer = (await response.json()) as { access_token?: string; detail?: string }
  if (!answer.access_token) throw new Error(answer.detail)
  accessToken = answer.access_token
}

/** `fetch` with the access token; where that is refused, once more with a new one. */
export async function fetchAuthorized(url: string, init: RequestInit = {}): Promise<Response> {
  const send = () => {
    const headers = new Headers(init.headers)
    if (accessToken) headers.set('authorization', `Bearer ${accessToken}`)
    return fetch(url, { ...init, headers })
  }
  const used = accessToken
  const response = used ? await send() : undefined
  if (response && response.status !== 401) return response
  // Another request may have had a new one meanwhile.
  if (accessToken === used) accessToken = await refresh()
  return send()
}

/** One at a time: whoever comes while a refresh is under way waits for it. */
function refresh(): Promise<string | undefined> {
  return (refreshing ??= exchange().finally(() => {
    refreshing = undefined
  }))
}

/** @returns a new access token, or undefined where the user has to log in again */
async function exchange(): Promise<string | undefined> {
  // The same for every try, across reloads too: an answer that was lost is given again.
  const key = localStorage.getItem(storageName) ?? crypto.randomUUID()
  localStorage.setItem(storageName, key)
  for (let wait = 1; ; wait = Math.min(wait * 2, 60)) {
    const response = await fetch(`${auth}/refresh`, {
      method: 'POST',
      headers: { 'idempotency-key': key }
    }).catch(() => undefined)
    // What a proxy in between answers may be no JSON.
    const answer = (await response?.json().catch(() => undefined)) as
      { access_token?: string; action?: string; detail?: string } | undefined
    if (answer?.access_token || answer?.action === 'reauthenticate') {
      localStorage.removeItem(storageName)
      return answer.access_token
    }
    if (answer?.action === 'none') throw new Error(answer.detail)
    // A 503, a 429 or no answer is no logout: keep the session, and try again.
    const seconds = Number(response?.headers.get('retry-after')) || wait * Math.random()
    await new Promise((resolve) => setTimeout(resolve, seconds * 1000))
  }
}
