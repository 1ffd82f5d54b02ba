import t from 'tap'
import { bearer, build, codeOf, password, signUp, type App } from '../helper.ts'
import { isProblem } from '../problem.ts'
import { buildWithMail, linkIn } from '../mail.ts'
import { buildBehindProxies } from '../behind-proxies.ts'

const wrong = 'a wrong password'

interface Guess {
  email: string
  password?: string
  from?: string
  device?: string
}

/** A login of a native app, from an address as a trusted proxy tells it. */
const guess = (app: App, { email, password = wrong, from = '203.0.113.7', device }: Guess) =>
  app.inject({
    method: 'POST',
    url: '/auth/login',
    headers: {
      'x-client': 'native',
      'x-forwarded-for': from,
      ...(device === undefined ? {} : { 'x-device-id': device })
    },
    payload: { email, password }
  })

const settings = { TRUST_PROXY: 'loopback' }
const ofDevice = (device: string) => ({ 'x-client': 'native', 'x-device-id': device })

/** How many passwords were compared from now on. */
function countHashes({ scope: { passwords } }: App): () => number {
  const verify = passwords.verify.bind(passwords)
  let count = 0
  passwords.verify = (...args) => {
    count += 1
    return verify(...args)
  }
  return () => count
}

t.test('200 wrong guesses at once count as 200, and few of them cost a hash', async (t) => {
  const app = await build(t, { ...settings, LOGIN_ATTEMPTS: 7 })
  const { email } = await signUp(app)
  const hashes = countHashes(app)
  const answers = await Promise.all(Array.from({ length: 200 }, () => guess(app, { email })))
  const codes = answers.map(codeOf)
  t.equal(codes.filter((code) => code === 'invalid_credentials').length, hashes())
  t.ok(hashes() <= 7, `${String(hashes())} hashes`)
  // Those that were not let in at all, for there were too many at once, are asked to come again.
  t.equal(
    codes.filter((code) => code === 'too_many_attempts' || code === 'temporarily_unavailable').length,
    200 - hashes()
  )
  const refused = await guess(app, { email, password })
  isProblem(t, refused, 'too_many_attempts')
  t.ok(Number(refused.headers['retry-after']) > 0 && Number(refused.headers['retry-after']) <= 900)
  t.ok(hashes() <= 7, 'the right one costs no hash either')
  t.equal((await guess(app, { email, password, from: '198.51.100.1' })).statusCode, 200, 'from elsewhere')
})

t.test('an unknown account is throttled the same', async (t) => {
  const app = await build(t, { ...settings, LOGIN_ATTEMPTS: 2 })
  const email = 'nobody@example.com'
  const codes = []
  for (let attempt = 0; attempt < 3; attempt += 1) codes.push(codeOf(await guess(app, { email })))
  t.same(codes, ['invalid_credentials', 'invalid_credentials', 'too_many_attempts'])
  t.equal(codeOf(await guess(app, { email: ' NOBODY@example.com' })), 'too_many_attempts', 'in any spelling')
})

t.test('a stranger with many addresses is stopped, and the owner gets in on a known device', async (t) => {
  const app = await build(t, { ...settings, LOGIN_ATTEMPTS: 3, LOGIN_ATTEMPTS_PER_ACCOUNT: 6 })
  const { email } = await signUp(app, ofDevice('phone'))
  const codes = []
  for (let host = 1; host <= 8; host += 1)
    codes.push(codeOf(await guess(app, { email, from: `198.51.100.${String(host)}` })))
  t.same(codes.slice(0, 6), Array(6).fill('invalid_credentials'))
  t.same(codes.slice(6), Array(2).fill('too_many_attempts'))
  t.equal(codeOf(await guess(app, { email, password, device: 'another' })), 'too_many_attempts')
  t.equal((await guess(app, { email, password, device: 'phone' })).statusCode, 200)

  for (let attempt = 0; attempt < 3; attempt += 1)
    t.equal(codeOf(await guess(app, { email, device: 'phone' })), 'invalid_credentials')
  t.equal(
    codeOf(await guess(app, { email, password, device: 'phone' })),
    'too_many_attempts',
    'which has its own'
  )
})

t.test('a device is known to those who signed in on it, and to nobody else', async (t) => {
  const app = await build(t, { ...settings, LOGIN_ATTEMPTS: 1, LOGIN_ATTEMPTS_PER_ACCOUNT: 1 })
  await signUp(app, ofDevice('stranger'))
  const { email } = await signUp(app, ofDevice('owner'))
  t.equal(codeOf(await guess(app, { email, device: 'stranger' })), 'invalid_credentials')
  t.equal(codeOf(await guess(app, { email, device: 'stranger', password })), 'too_many_attempts')
})

t.test('one address, and a /64 of IPv6, has one allowance for all accounts', async (t) => {
  const app = await build(t, { ...settings, LOGIN_ATTEMPTS_PER_ADDRESS: 3 })
  for (const [first, second] of [
    ['192.0.2.1', '192.0.2.1'],
    ['2001:db8:1:2::1', '2001:db8:1:2:ffff::9']
  ] as const) {
    for (let person = 0; person < 3; person += 1)
      t.equal(
        codeOf(await guess(app, { email: `p${String(person)}@example.com`, from: first })),
        'invalid_credentials'
      )
    t.equal(codeOf(await guess(app, { email: 'another@example.com', from: second })), 'too_many_attempts')
  }
  t.equal(
    codeOf(await guess(app, { email: 'another@example.com', from: '2001:db8:1:3::1' })),
    'invalid_credentials'
  )
})

t.test('an address can not be forged where no proxy is trusted', async (t) => {
  const app = await build(t, { LOGIN_ATTEMPTS: 2 })
  const { email } = await signUp(app)
  const codes = []
  for (let host = 1; host <= 3; host += 1)
    codes.push(codeOf(await guess(app, { email, from: `198.51.100.${String(host)}` })))
  t.same(codes, ['invalid_credentials', 'invalid_credentials', 'too_many_attempts'])
})

t.test('nor behind one: what the client itself wrote in the header counts for nothing', async (t) => {
  const app = await build(t, { ...settings, LOGIN_ATTEMPTS: 2 })
  const { email } = await signUp(app)
  const codes = []
  for (let host = 1; host <= 3; host += 1)
    codes.push(codeOf(await guess(app, { email, from: `198.51.100.${String(host)}, 203.0.113.7` })))
  t.same(codes, ['invalid_credentials', 'invalid_credentials', 'too_many_attempts'])
})

t.test('logins that are right are not counted, and make the account whole again', async (t) => {
  const app = await build(t, { ...settings, LOGIN_ATTEMPTS: 2, LOGIN_ATTEMPTS_PER_ADDRESS: 3 })
  const { email } = await signUp(app)
  for (let round = 0; round < 3; round += 1) {
    t.equal((await guess(app, { email, password })).statusCode, 200)
    if (round < 2) t.equal(codeOf(await guess(app, { email })), 'invalid_credentials')
  }
  t.equal(codeOf(await guess(app, { email })), 'invalid_credentials')
  t.equal(codeOf(await guess(app, { email })), 'too_many_attempts', 'the address remembers the wrong ones')
})

t.test('who asks by signing up whether addresses have accounts is stopped too', async (t) => {
  const app = await build(t, { LOGIN_ATTEMPTS_PER_ADDRESS: 2 })
  const { email } = await signUp(app)
  const signup = (email: string) =>
    app.inject({ method: 'POST', url: '/auth/signup', payload: { email, password } })
  t.equal(codeOf(await signup(email)), 'email_taken')
  t.equal((await signup('new@example.com')).statusCode, 201)
  t.equal(codeOf(await signup(email)), 'email_taken')
  t.equal(codeOf(await signup(email)), 'too_many_attempts')
})

t.test('two nodes count together, and what they count names nobody', async (t) => {
  const app = await build(t, { ...settings, LOGIN_ATTEMPTS: 2 })
  const other = await build(t, { ...settings, LOGIN_ATTEMPTS: 2 }, app.stores)
  const { email } = await signUp(app)
  t.equal(codeOf(await guess(app, { email })), 'invalid_credentials')
  t.equal(codeOf(await guess(other, { email })), 'invalid_credentials')
  t.equal(codeOf(await guess(app, { email })), 'too_many_attempts')
  const keys = await app.stores.redis.keys(`${app.stores.env.REDIS_PREFIX ?? ''}attempts:*`)
  for (const kind of ['pair', 'address', 'account'])
    t.ok(
      keys.some((key) => key.includes(`:${kind}:`)),
      kind
    )
  t.notMatch(keys.join(), /@|example|203\.0/)
  for (const key of keys) t.ok((await app.stores.redis.pttl(key)) > 0, 'and it is gone after a while')
})

t.test('the security events tell of it once', async (t) => {
  const app = await build(t, { LOGIN_ATTEMPTS: 1 })
  const { email } = await signUp(app)
  for (let attempt = 0; attempt < 5; attempt += 1) await guess(app, { email })
  await app.scope.securityEvents.ofSession(
    '00000000-0000-7000-8000-000000000000',
    '00000000-0000-7000-8000-000000000000'
  )
  const { rows } = await app.stores.pool.query(
    "SELECT count(*)::int AS count FROM security_events WHERE type = 'too_many_attempts'"
  )
  t.same(rows, [{ count: 1 }])
})

t.test('Redis away: nobody guesses, and nobody is logged out', async (t) => {
  const { app, proxies } = await buildBehindProxies(t, { STORE_TIMEOUT: '1s' })
  const { email, access_token } = await signUp(app)
  const hashes = countHashes(app)
  proxies.redis.dropResponses(true)
  const refused = await guess(app, { email })
  isProblem(t, refused, 'temporarily_unavailable')
  t.equal(hashes(), 0)
  t.equal((await app.inject({ url: '/auth/me', headers: bearer(access_token) })).statusCode, 200)
  proxies.redis.dropResponses(false)
})

t.test('a guess that could not be looked at does not count', async (t) => {
  const app = await build(t, { ...settings, LOGIN_ATTEMPTS: 1, LOGIN_ATTEMPTS_PER_ADDRESS: 1 })
  const { email } = await signUp(app)
  const { passwords } = app.scope
  const verify = passwords.verify.bind(passwords)
  passwords.verify = () => Promise.reject(app.scope.shed('queue_deadline', 'Try again.', 5))
  for (let attempt = 0; attempt < 3; attempt += 1)
    isProblem(t, await guess(app, { email, password }), 'temporarily_unavailable')
  passwords.verify = verify
  t.equal((await guess(app, { email, password })).statusCode, 200)
})

t.test('only so many mails are asked for to one address, whether or not it has an account', async (t) => {
  const { app, post, mailsTo } = await buildWithMail(t, {
    MAILS_PER_RECIPIENT: 2,
    LOGIN_ATTEMPTS_PER_ADDRESS: 5
  })
  const { email, access_token } = await signUp(app)
  for (const address of [email, 'nobody@example.com']) {
    for (let mail = 0; mail < 2; mail += 1)
      t.equal((await post('/auth/password/forgot', { email: address })).statusCode, 202)
    isProblem(t, await post('/auth/password/forgot', { email: address.toUpperCase() }), 'too_many_attempts')
  }
  t.equal((await mailsTo(email, 'Choose a new password')).length, 2)
  for (const [url, body] of [
    ['/auth/verify-email/send', {}],
    ['/auth/email', { email: 'new@example.com' }],
    ['/auth/password/forgot', { email: 'another@example.com' }]
  ] as const)
    isProblem(
      t,
      await post(url, body, bearer(access_token)),
      'too_many_attempts',
      `${url}: from this address`
    )
})

t.test('an owner on a new device, whom a stranger keeps waiting, gets in by a reset', async (t) => {
  const { app, post, lastTo } = await buildWithMail(t, { ...settings, LOGIN_ATTEMPTS_PER_ACCOUNT: 1 })
  const { email } = await signUp(app)
  t.equal(codeOf(await guess(app, { email })), 'invalid_credentials')
  t.equal(codeOf(await guess(app, { email, password, from: '198.51.100.1' })), 'too_many_attempts')

  await post('/auth/password/forgot', { email })
  const { token } = linkIn(await lastTo(email, 'Choose a new password'))
  const new_password = 'an entirely new password'
  const reset = await post('/auth/password/reset', { token, new_password })
  t.equal(reset.statusCode, 204)
  const cookie = reset.cookies.map(({ name, value }) => `${name}=${value}`).join('; ')
  const login = (headers: Record<string, string>) =>
    post('/auth/login', { email, password: new_password }, headers)
  t.equal(codeOf(await login({})), 'too_many_attempts', 'another device waits on')
  t.equal((await login({ cookie })).statusCode, 200)
})
