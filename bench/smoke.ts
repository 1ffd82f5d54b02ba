// A few seconds of load on login, refresh and me, to see that nothing breaks under it. How fast they are is
// printed; what it should be is not judged here. Exits 1 on any answer but 200 and on any error.
//
//   npm run bench:smoke
//   DATABASE_URL=postgres://postgres@127.0.0.1:5432/postgres REDIS_URL=redis://127.0.0.1:6379 npm run bench:smoke
import autocannon, { type Client, type Options, type Result } from 'autocannon'
import { availableParallelism, cpus } from 'node:os'
import { startServer } from './server.ts'

const connections = 20
const duration = 5
const password = 'correct horse battery staple'
const json = { 'content-type': 'application/json' }

interface SignedIn {
  email: string
  access_token: string
  cookie: string
}

/** A browser's account and session. */
async function signUp(url: string, number: number): Promise<SignedIn> {
  const email = `bench-${String(number)}@example.com`
  const body = JSON.stringify({ email, password })
  const response = await fetch(`${url}/auth/signup`, { method: 'POST', headers: json, body })
  if (response.status !== 201) throw new Error(`signup answered ${String(response.status)}`)
  const { access_token } = (await response.json()) as { access_token: string }
  return { email, access_token, cookie: refreshCookieIn(response.headers.getSetCookie()) }
}

function refreshCookieIn(cookies: string[]): string {
  const cookie = cookies.find((cookie) => cookie.startsWith('__Host-refresh_token='))
  if (!cookie) throw new Error('there is no refresh cookie')
  return cookie.split(';', 1).join('')
}

/** Each connection exchanges a token of its own, and then the one that it was given, and so on. */
function chain(people: SignedIn[]): (client: Client) => void {
  const cookies = people.map(({ cookie }) => cookie)
  return (client: Client) => {
    client.setHeaders({ cookie: cookies.pop() ?? '' })
    client.on('headers', ({ headers }: { headers: string[] }) => {
      const given = headers.filter((_, index) => headers[index - 1]?.toLowerCase() === 'set-cookie')
      if (given.length > 0) client.setHeaders({ cookie: refreshCookieIn(given) })
    })
  }
}

function say(text: string): void {
  process.stdout.write(`${text}\n`)
}

const { url, stores, stop } = await startServer({ REFRESH_RATE: '0' })
try {
  const people: SignedIn[] = []
  for (let number = 0; number < connections; number++) people.push(await signUp(url, number))
  // Of one more account: its logins end its older sessions.
  const { email } = await signUp(url, connections)
  const { access_token } = await signUp(url, connections + 1)

  const scenarios: Record<string, Partial<Options> & { url: string }> = {
    login: {
      url: `${url}/auth/login`,
      method: 'POST',
      headers: json,
      body: JSON.stringify({ email, password })
    },
    refresh: { url: `${url}/auth/refresh`, method: 'POST', setupClient: chain(people) },
    me: { url: `${url}/auth/me`, headers: { authorization: `Bearer ${access_token}` } }
  }
  say(`Node ${process.version}, ${String(availableParallelism())} × ${cpus()[0]?.model ?? '?'}, ${stores}`)
  say('           requests/s   p50 ms   p99 ms  not 2xx   errors')
  for (const [name, scenario] of Object.entries(scenarios)) {
    const result: Result = await autocannon({ connections, duration, ...scenario })
    const { requests, latency, non2xx, errors } = result
    const figures = [Math.round(requests.average), latency.p50, latency.p99, non2xx, errors]
    say(name.padEnd(12) + figures.map((figure) => String(figure).padStart(9)).join(''))
    if (non2xx > 0 || errors > 0 || result['2xx'] === 0) process.exitCode = 1
  }
} finally {
  await stop()
}
