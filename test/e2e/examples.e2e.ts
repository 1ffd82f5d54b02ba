// The examples for browsers, in one: in the Fastify app that is an example too.
import { build as bundle } from 'esbuild'
import { fileURLToPath } from 'node:url'
import t, { type Test } from 'tap'
import { sources } from '../examples/latchkey.ts'
import { makeStores, password, redisInMemory } from '../helper.ts'
import { launch } from './browser.ts'

const { buildApp } = await import('../../examples/fastify-app.ts')
const browser = await launch(t)
const { outputFiles } = await bundle({
  entryPoints: [fileURLToPath(new URL('examples-page.tsx', import.meta.url))],
  bundle: true,
  format: 'esm',
  jsx: 'automatic',
  alias: { 'latchkey/client': sources['latchkey/client'] ?? '' },
  define: { 'process.env.NODE_ENV': '"production"' },
  write: false
})
const html =
  '<!doctype html><link rel="icon" href="data:,"><main></main><script type="module" src="/page.js"></script>'

async function start(t: Test) {
  const { env, redis } = await makeStores(t)
  const app = await buildApp({ ...env, ...(redisInMemory ? { redisClient: redis.duplicate() } : {}) })
  t.teardown(() => app.close())
  let refreshes = 0
  /** Access tokens that the API refuses, good as they are. */
  const refused = new Set<string>()
  app.addHook('onRequest', async ({ url, headers }, reply) => {
    if (url.endsWith('/auth/refresh')) refreshes += 1
    if (url === '/notes' && refused.has(headers.authorization ?? '')) await reply.code(401).send()
  })
  app.get('/', (_request, reply) => reply.type('text/html').send(html))
  app.get('/page.js', (_request, reply) => reply.type('text/javascript').send(outputFiles[0]?.text))
  const url = (await app.listen({ host: '127.0.0.1', port: 0 })).replace('127.0.0.1', 'localhost')
  const context = await browser.newContext()
  t.teardown(() => context.close())
  const page = await context.newPage()
  return { page, url, refused, refreshes: () => refreshes }
}

const account = { email: 'ada@example.com', password }

t.test('axios: twenty requests are refused at once, and make one refresh', async (t) => {
  const { page, url, refused, refreshes } = await start(t)
  await page.goto(url)
  const token = await page.evaluate(async (account) => {
    await window.examples.client.signup(account)
    return window.examples.client.getAccessToken()
  }, account)
  refused.add(`Bearer ${token}`)
  const before = refreshes()
  const all = await page.evaluate(async () => {
    const { api } = window.examples
    return (await Promise.all(Array.from({ length: 20 }, () => api.get('/notes')))).map(
      ({ status }) => status
    )
  })
  t.same(
    all,
    Array.from({ length: 20 }, () => 200)
  )
  t.equal(refreshes() - before, 1)
})

t.test('axios: a new token that is refused as well is not exchanged again', async (t) => {
  const { page, url, refused, refreshes } = await start(t)
  await page.goto(url)
  await page.evaluate((account) => window.examples.client.signup(account), account)
  refused.has = () => true
  const before = refreshes()
  const statuses = await page.evaluate(async () => {
    const { api } = window.examples
    const asked = await Promise.allSettled(Array.from({ length: 20 }, () => api.get('/notes')))
    return asked.map(
      (answer) =>
        answer.status === 'rejected' && (answer.reason as { response?: { status: number } }).response?.status
    )
  })
  t.same(new Set(statuses), new Set([401]))
  t.equal(refreshes() - before, 1)
})

t.test('plain fetch: the same', async (t) => {
  const { page, url, refused, refreshes } = await start(t)
  await page.goto(url)
  const signedUp = page.waitForResponse((response) => response.url().endsWith('/signup'))
  await page.evaluate(({ email, password }) => window.examples.signIn('signup', email, password), account)
  const { access_token } = (await (await signedUp).json()) as { access_token: string }
  refused.add(`Bearer ${access_token}`)
  const before = refreshes()
  const get = () =>
    page.evaluate(async () => {
      const { fetchAuthorized } = window.examples
      return (await Promise.all(Array.from({ length: 20 }, () => fetchAuthorized('/notes')))).map(
        ({ status }) => status
      )
    })
  t.same(new Set(await get()), new Set([200]))
  t.equal(refreshes() - before, 1)

  await page.reload()
  t.same(new Set(await get()), new Set([200]), 'a reload is a refresh')
  t.equal(refreshes() - before, 2)
  t.equal(await page.evaluate(() => localStorage.length), 0)
})

t.test('React: useSession follows sign-in, reload, and a logout in another tab', async (t) => {
  const { page, url } = await start(t)
  await page.goto(url)
  await page.evaluate(async (account) => {
    await window.examples.client.signup(account)
    await window.examples.client.logout()
  }, account)

  await page.goto(`${url}/#react`)
  await page.reload()
  await page.getByLabel('Email').fill(account.email)
  await page.getByLabel('Password').fill('not the password')
  await page.getByRole('button', { name: 'Log in' }).click()
  await page.getByText('There is no account with this email').waitFor()
  await page.getByLabel('Password').fill(password)
  await page.getByRole('button', { name: 'Log in' }).click()
  await page.getByText(account.email).waitFor()
  await page.reload()
  await page.getByText(account.email).waitFor()

  const second = await page.context().newPage()
  await second.goto(`${url}/#react`)
  await second.getByRole('button', { name: 'Log out' }).click()
  await page.getByRole('button', { name: 'Log in' }).waitFor()
  t.pass('both tabs are out')
})
