// Server-side rendering: one refresh, however many ask, and none while the access token is good.
import Fastify from 'fastify'
import t, { type Test } from 'tap'
import { createRenderSessions } from '../../examples/ssr/refresh.ts'
import { bearer, build, refreshCookie, signUp } from '../helper.ts'

/** A site whose pages have three components, each of which asks for the session by itself. */
async function startSite(t: Test) {
  const app = await build(t, { REFRESH_OVERLAP: 1 })
  const url = await app.listen({ host: '127.0.0.1', port: 0 })
  const sessionOf = createRenderSessions(`${url}/auth/refresh`)
  const site = Fastify()
  t.teardown(() => site.close())
  site.get('/', async ({ headers }, reply) => {
    const request = { headers: new Headers({ cookie: headers.cookie ?? '' }) }
    const [header, page, footer] = await Promise.all([
      sessionOf(request),
      sessionOf(request),
      sessionOf(request)
    ])
    if (page.set_cookie.length > 0) reply.header('set-cookie', page.set_cookie)
    return { header: header.status, page, footer: footer.access_token }
  })
  const { refresh_token, session_id } = await signUp(app)
  const open = (token: string) =>
    site.inject({ url: '/', headers: { cookie: `theme=dark; ${refreshCookie}=${token}` } })
  const head = async () => Number(await app.stores.redis.hget(app.stores.key(session_id), 'gen'))
  return { app, open, head, refresh_token, session_id }
}

interface Page {
  header: string
  page: { status: string; access_token?: string }
  footer?: string
}

t.test('ten pages at once, three components each: one rotation, and all get its cookie', async (t) => {
  const { app, open, head, refresh_token } = await startSite(t)
  const pages = await Promise.all(Array.from({ length: 10 }, () => open(refresh_token)))
  t.equal(await head(), 2)
  const cookies = new Set(
    pages.map(({ cookies }) => cookies.find(({ name }) => name === refreshCookie)?.value)
  )
  t.equal(cookies.size, 1)
  const [first] = pages.map((response) => response.json<Page>())
  t.match(first, { header: 'signed_in', page: { status: 'signed_in' } })
  t.equal(first?.footer, first?.page.access_token)
  t.equal((await app.inject({ url: '/auth/me', headers: bearer(first?.footer ?? '') })).statusCode, 200)

  const [cookie = ''] = cookies
  const next = await open(cookie)
  t.equal(next.json<Page>().footer, first?.footer, 'the next page needs no refresh')
  t.same(next.cookies, [])
  t.equal(await head(), 2)
})

t.test('who is not signed in, whose session is over, and a server that is away', async (t) => {
  const { app, open, refresh_token, session_id } = await startSite(t)
  t.match((await open('')).json(), { page: { status: 'signed_out' } })
  await app.scope.sessions.revoke([session_id], 'logout', { ip: null, user_agent: null })
  const over = await open(refresh_token)
  t.match(over.json(), { page: { status: 'signed_out' } })
  t.match(over.cookies, [{ name: refreshCookie, value: '' }], 'the cookie goes')

  const other = await signUp(app)
  await app.close()
  t.match((await open(other.refresh_token)).json(), { page: { status: 'unknown' } })
})
