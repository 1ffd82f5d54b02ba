import t from 'tap'
import { argon2 } from '../../argon2/index.ts'
import { build, codeOf, secretKey, signUp } from '../helper.ts'

const app = await build(t)
const { scope, stores } = app
const key = 'A'.repeat(43)

const insert = (count: number, password_hash: string | null) =>
  stores.pool.query(
    `INSERT INTO users (id, email, password_hash)
     SELECT gen_random_uuid(), gen_random_uuid() || '@example.com', $2 FROM generate_series(1, $1)`,
    [count, password_hash]
  )

const people = Array.from({ length: 1000 }, (_, index) => `nobody-${String(index)}@example.com`)

/** What each of these people's passwords would be checked against. */
const hashes = ({ scope: { unknownUsers } } = app) => people.map((email) => unknownUsers.hashFor(email))

t.test('as long as nothing is known, today’s', async (t) => {
  t.same(new Set(hashes()), new Set([undefined]))

  // What is computed, up to the salt.
  const computed: string[] = []
  const { verify } = argon2
  argon2.verify = (hash, ...rest) => {
    computed.push(hash.split('$').slice(0, 4).join('$'))
    return verify(hash, ...rest)
  }
  t.teardown(() => (argon2.verify = verify))
  const { email } = await signUp(app)
  for (const one of [email, 'nobody@example.com']) {
    const payload = { email: one, password: 'not the password of anybody' }
    t.equal(codeOf(await app.inject({ method: 'POST', url: '/auth/login', payload })), 'invalid_credentials')
  }
  t.same(computed, ['$argon2id$v=19$m=19456,t=2,p=1', '$argon2id$v=19$m=19456,t=2,p=1'])
})

t.test('unknown users are checked as real ones are, each always the same way', async (t) => {
  await insert(600, `$2b$12$${'a'.repeat(53)}`)
  await insert(300, `$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHQ$${key}`)
  await insert(100, `$pbkdf2-sha256$i=600000$c2FsdA$${key}`)
  await insert(500, null)
  await scope.users.analyze()
  await scope.unknownUsers.look()

  const drawn = hashes()
  const share = (beginning: string) => drawn.filter((hash) => hash?.startsWith(beginning)).length
  for (const [beginning, expected] of [
    ['$2b$12$', 600],
    ['$argon2id$v=19$m=19456,t=2,p=1$', 300],
    ['$pbkdf2-sha256$i=600000$', 100]
  ] as const) {
    const found = share(beginning)
    t.ok(Math.abs(found - expected) < 100, `${beginning}: ${String(found)} of 1000`)
  }
  t.same(hashes(), drawn, 'asked again')
  t.same(hashes(await build(t, {}, stores)), drawn, 'on another node')
  t.equal(scope.unknownUsers.hashFor(' NOBODY-7@example.com'), drawn[7], 'in another spelling')
  const SECRET_KEY = `another secret key that only this test knows,${secretKey}`
  const other = await build(t, { SECRET_KEY }, stores)
  t.notSame(hashes(other), drawn, 'which of them is a secret')
})

t.test('a login of nobody, and of one without a password, takes that hash', async (t) => {
  const verify = scope.passwords.verify.bind(scope.passwords)
  const seen: (string | undefined)[] = []
  scope.passwords.verify = (hash, password) => {
    seen.push(hash)
    return verify(hash, password)
  }
  await stores.pool.query("INSERT INTO users (id, email) VALUES (gen_random_uuid(), 'social@example.com')")
  const emails = ['nobody-1@example.com', 'nobody-2@example.com', 'social@example.com']
  for (const email of emails) {
    const payload = { email, password: 'correct horse battery staple' }
    t.equal(codeOf(await app.inject({ method: 'POST', url: '/auth/login', payload })), 'invalid_credentials')
  }
  t.same(
    seen,
    emails.map((email) => scope.unknownUsers.hashFor(email))
  )
})
