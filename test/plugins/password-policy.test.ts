import { createHash } from 'node:crypto'
import { createServer } from 'node:http'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import t, { type Test } from 'tap'
import { build, logIn, password as good, type App } from '../helper.ts'
import { isProblem } from '../problem.ts'
import { until } from '../stores/until.ts'

let people = 0

const sha1Of = (text: string) => createHash('sha1').update(text).digest('hex').toUpperCase()

const signUp = (app: App, password: string, person: { email?: string; name?: string } = {}) => {
  people += 1
  const email = `ada.lovelace.${String(people)}@example.com`
  return app.inject({ method: 'POST', url: '/auth/signup', payload: { email, password, ...person } })
}

t.test('what somebody who knows the account would try first is refused, with the reason', async (t) => {
  const app = await build(t, { PUBLIC_URL: 'https://accounts.acme-industries.example' })
  const refusals = [
    ['grace.hopper@example.com', { email: 'grace.hopper@example.com' }, 'is your email address'],
    ['Grace Hopper@example.com', { email: 'grace.hopper@example.com' }, 'is your email address'],
    ['1906grace.b.hopper-1992', { email: 'grace.b.hopper@example.com' }, 'is your email address'],
    ['augusta-ada-king', { name: 'Augusta Ada King' }, 'is your name'],
    ['AcmeIndustries2026', {}, 'is the name of this service'],
    ['latchkeylatchkey', {}, 'is the name of this service'],
    ['qwerty123456789', {}, 'is one of the most common passwords'],
    ['1qaz2wsx3edc4rfv', {}, 'is one of the most common passwords'],
    ['PasswordPassword', {}, 'is one of the most common passwords'],
    ['sunshine sunshine!', {}, 'is one of the most common passwords'],
    ['zzzzzzzzzzzzzzzz', {}, 'repeats a few characters'],
    ['-+-+-+-+-+-+-+-+', {}, 'repeats a few characters'],
    ['🔑'.repeat(16), {}, 'repeats a few characters']
  ] as const
  for (const [password, person, reason] of refusals) {
    const { errors, detail } = isProblem(
      t,
      await signUp(app, password, person),
      'password_unacceptable',
      password
    )
    t.same(errors, [{ path: '/password', message: reason }])
    t.notMatch(detail, password, 'the password itself is in no answer')
  }
})

t.test('there are no rules of composition, and only the whole password is compared', async (t) => {
  const app = await build(t)
  for (const password of [
    'only small letters here',
    '918273645564738291',
    '               x   ',
    'my password is qwerty',
    'pässwörter von heute',
    'ada.lovelace has a secret'
  ])
    t.equal((await signUp(app, password, { name: 'Ada' })).statusCode, 201, password)
})

t.test('characters are counted as they are hashed: composed', async (t) => {
  const app = await build(t)
  // Fifteen code points as typed, eight once composed.
  const typed = `${'e\u0301'.repeat(3)}${'o\u0308'.repeat(4)}z`
  t.equal([...typed].length, 15)
  const { errors } = isProblem(t, await signUp(app, typed), 'password_unacceptable')
  t.same(errors, [{ path: '/password', message: 'has fewer than 15 characters' }])
})

t.test('PASSWORD_MIN_LENGTH, not under 8', async (t) => {
  const app = await build(t, { PASSWORD_MIN_LENGTH: 8 })
  t.equal((await signUp(app, 'kx7-qw2p')).statusCode, 201)
  isProblem(t, await signUp(app, 'kx7-qw2'), 'invalid_request')
  isProblem(t, await signUp(app, 'baseball1'), 'password_unacceptable')
  await t.rejects(build(t, { PASSWORD_MIN_LENGTH: 7 }), { message: /PASSWORD_MIN_LENGTH/ })
})

/** What the range API answers, and what it was asked. */
async function breaches(t: Test, answer: (prefix: string) => { status: number; body: string } | undefined) {
  const asked: { path: string; padding: string | undefined }[] = []
  const server = createServer((request, response) => {
    asked.push({ path: request.url ?? '', padding: String(request.headers['add-padding']) })
    const said = answer((request.url ?? '').slice(-5))
    // Without an answer the caller waits for its deadline.
    if (said) response.writeHead(said.status).end(said.body)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  const { port } = server.address() as AddressInfo
  return { asked, url: `http://127.0.0.1:${String(port)}/range/` }
}

t.test('HIBP: a breached password is refused, and only five digits of its hash leave', async (t) => {
  const sha1 = sha1Of('a breached password')
  const { asked, url } = await breaches(t, (range) => ({
    status: 200,
    body: [
      `${'0'.repeat(35)}:3`,
      ...(range === sha1.slice(0, 5) ? [`${sha1.slice(5)}:42`] : []),
      `${'F'.repeat(35)}:0`
    ].join('\r\n')
  }))
  const app = await build(t, { HIBP: url })
  const { errors } = isProblem(t, await signUp(app, 'a breached password'), 'password_unacceptable')
  t.same(errors, [{ path: '/password', message: 'is known from a breach of another site' }])
  t.equal((await signUp(app, good)).statusCode, 201)
  t.same(
    asked.map(({ path }) => /^\/range\/[0-9A-F]{5}$/.test(path)),
    [true, true]
  )
  t.same(asked[0], { path: `/range/${sha1.slice(0, 5)}`, padding: 'true' })
})

t.test('a padded answer counts for nothing', async (t) => {
  const sha1 = sha1Of(good)
  const { url } = await breaches(t, () => ({ status: 200, body: `${sha1.slice(5)}:0\r\n` }))
  t.equal((await signUp(await build(t, { HIBP: url }), good)).statusCode, 201)
})

t.test('the service is away, broken or silent: people sign up all the same', async (t) => {
  for (const answer of [{ status: 500, body: 'oops' }, undefined]) {
    const { asked, url } = await breaches(t, () => answer)
    const app = await build(t, { HIBP: url })
    const response = await signUp(app, good, { email: 'grace@example.com' })
    t.equal(response.statusCode, 201)
    t.equal(asked.length, 1)
    await logIn(app, 'grace@example.com')
  }
  const app = await build(t, { HIBP: 'http://127.0.0.1:1/range/' })
  t.equal((await signUp(app, good)).statusCode, 201, 'refused')
})

t.test('while it is silent, nobody else waits for their turn', async (t) => {
  const { asked, url } = await breaches(t, () => undefined)
  const app = await build(t, { HIBP: url })
  t.equal((await signUp(app, good, { email: 'grace@example.com' })).statusCode, 201)
  const all = 100
  const others = Array.from({ length: all }, () => signUp(app, good))
  await until('all of them to be asked about at once', async () => asked.length === 1 + all)
  await logIn(app, 'grace@example.com')
  await Promise.all(others)
})
