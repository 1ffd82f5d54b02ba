import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { build, codeOf } from '../helper.ts'
import { vectors } from '../foreign-hashes.ts'
import { onStores } from '../server/process.ts'
import { latchkey } from './command.ts'

const app = await build(t)
const env = onStores(app.stores)
const folder = t.testdir()
const at = (name: string) => join(folder, name)
const run = (args: string[], input?: string) =>
  latchkey(['users', 'import', ...args], { env, ...(input === undefined ? {} : { input }) })

type Line = Record<string, unknown> | string
const ndjson = (lines: Line[]) =>
  lines.map((line) => `${typeof line === 'string' ? line : JSON.stringify(line)}\n`).join('')

interface Rejected {
  line: number
  reasons: string[]
  text: string
}
const rejectedIn = (name: string) =>
  readFileSync(at(name), 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Rejected)

const hashOf = async (email: string) => {
  const { rows } = await app.stores.pool.query<{ password_hash: string | null }>(
    'SELECT password_hash FROM users WHERE email = $1',
    [email]
  )
  return rows[0]?.password_hash
}

const logIn = (email: string, password: string) =>
  app.inject({ method: 'POST', url: '/auth/login', payload: { email, password } })

t.test('whoever hashed it, the password is right, and argon2id afterwards', async (t) => {
  const people = vectors.map(({ hash, ...vector }, index) => ({
    ...vector,
    email: `vector-${String(index)}@example.com`,
    password_hash: hash
  }))
  writeFileSync(
    at('vectors.ndjson'),
    ndjson(people.map(({ email, password_hash }) => ({ email, password_hash })))
  )
  const { code, stdout, stderr } = await run([at('vectors.ndjson'), '--json'])
  t.equal(stderr, '')
  t.equal(code, 0)
  const imported = people.length
  t.same(JSON.parse(stdout), { lines: imported, imported, already_there: 0, rejected: 0 })
  t.notOk(existsSync(at('vectors.ndjson.rejected.ndjson')))

  for (const { source, email, password } of people) {
    const before = await hashOf(email)
    t.equal(codeOf(await logIn(email, `${password}!`)), 'invalid_credentials', source)
    t.equal(await hashOf(email), before)
    t.equal((await logIn(email, password)).statusCode, 200, source)
    const after = await hashOf(email)
    t.match(after, /^\$argon2id\$v=19\$m=19456,/, source)
    t.equal((await logIn(email, password)).statusCode, 200)
    t.equal(await hashOf(email), after, 'and then it stays')
  }
})

t.test('all that a line says is taken over', async (t) => {
  const id = '0B1E9A52-7D4C-4C51-9A55-0C9B3B6C6F10'
  const lines = [
    {
      email: ' Grace@Example.com'.trim(),
      name: 'Grace',
      role: 'admin',
      email_verified: true,
      id,
      created_at: '2019-05-06T07:08:09+02:00',
      password_hash: null
    },
    { email: 'mallory@example.com', disabled: true, name: null, password_hash: vectors[0]?.hash }
  ]
  t.equal((await run(['-'], `\ufeff${ndjson(lines)}\r\n\n`)).code, 0)
  t.strictSame(await app.scope.users.findByEmail('grace@example.com'), {
    user: {
      id: id.toLowerCase(),
      email: 'grace@example.com',
      name: 'Grace',
      role: 'admin',
      email_verified: true,
      created_at: '2019-05-06T05:08:09.000Z'
    },
    password_hash: null,
    password_version: 1,
    disabled: false,
    disabled_until: null,
    known_device: false
  })
  t.equal(codeOf(await logIn('grace@example.com', 'anything')), 'invalid_credentials')
  t.equal(codeOf(await logIn('mallory@example.com', vectors[0]?.password ?? '')), 'account_disabled')
})

t.test('bad lines are skipped into a file that only its owner reads, with number and reasons', async (t) => {
  const twice = '11111111-2222-4333-8444-555555555555'
  const lines: Line[] = [
    { email: 'one@example.com' },
    '{"email":',
    { email: 'no address' },
    '',
    { email: 'long@example.com', password_hash: `$2b$31$${'a'.repeat(53)}` },
    { email: 'ONE@example.com' },
    { email: 'two@example.com', nickname: 'Two', name: 5 },
    '["an array"]',
    { email: 'old@example.com', created_at: '0000-01-01T00:00:00Z' },
    { email: 'three@example.com', id: twice },
    { email: 'four@example.com', id: twice },
    { email: 'grace@example.com', id: twice.replace('1', '2') }
  ]
  writeFileSync(at('bad.ndjson'), ndjson(lines))
  writeFileSync(at('elsewhere.ndjson'), 'of an earlier run', { mode: 0o644 })
  const { code, stdout, stderr } = await run([at('bad.ndjson'), '--rejected', at('elsewhere.ndjson')])
  t.equal(code, 1)
  t.match(stdout, /^Imported 2, already there 0, rejected 9\.\n/)
  t.match(stdout, /jq -r .text/)
  t.equal(stderr, '')
  t.equal(statSync(at('elsewhere.ndjson')).mode & 0o777, 0o600)
  const rejected = rejectedIn('elsewhere.ndjson').sort((one, other) => one.line - other.line)
  t.same(
    rejected.map(({ line, reasons }) => [line, ...reasons]),
    [
      [2, 'is not JSON'],
      [3, 'email must match format "email"'],
      [5, 'password_hash of bcrypt with cost 31 costs too much to check'],
      [6, 'email is that of a line before'],
      [7, 'nickname is no field of a user', 'name must be string'],
      [8, 'must be object'],
      [9, 'created_at must be between 1970 and now'],
      [11, 'id is that of a line before'],
      [12, 'email is that of a user with another id']
    ]
  )
  t.equal(rejected[0]?.text, lines[1])

  const mended = rejected.map(({ text }) => text).join('\n')
  t.match(
    await run(['-', '--rejected', at('elsewhere.ndjson')], mended),
    { code: 1 },
    'the texts are lines again'
  )
  t.match(await run([at('bad.ndjson'), '--rejected', at('bad.ndjson')]), {
    code: 1,
    stderr: /can not go into/
  })
  t.equal(readFileSync(at('bad.ndjson'), 'utf8'), ndjson(lines))
})

t.test('an import that broke is started again, and goes on', async (t) => {
  const email = (index: number) => `many-${String(index)}@example.com`
  const lines = Array.from({ length: 2500 }, (_, index) => ({ email: email(index) }))
  // Line 2100 breaks the third batch, and the import with it, as a crash would.
  await app.stores.pool.query(
    `CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'broken'; END $$;
     CREATE TRIGGER refuse BEFORE INSERT ON users FOR EACH ROW WHEN (NEW.email = '${email(2100)}')
       EXECUTE FUNCTION refuse()`
  )
  writeFileSync(at('many.ndjson'), ndjson(lines))
  t.match(await run([at('many.ndjson')]), { code: 1, stdout: '', stderr: /broken/ })
  const count = async () => {
    const { rows } = await app.stores.pool.query<{ count: number }>(
      "SELECT count(*)::int AS count FROM users WHERE email LIKE 'many-%'"
    )
    return rows[0]?.count
  }
  t.equal(await count(), 2000, 'whole batches are there')
  await app.stores.pool.query('DROP TRIGGER refuse ON users')

  const again = await run([at('many.ndjson'), '--json'])
  t.same(JSON.parse(again.stdout), { lines: 2500, imported: 500, already_there: 2000, rejected: 0 })
  t.equal(again.code, 0)
  t.equal(await count(), 2500)

  const later = ndjson([
    ...Array.from({ length: 1000 }, (_, index) => ({ email: `late-${String(index)}@example.com` })),
    { email: 'late-0@example.com' }
  ])
  t.match(await run(['-', '--rejected', at('late.ndjson')], later), {
    stdout: /^Imported 1000, already there 0, rejected 1\./
  })
  t.match(
    rejectedIn('late.ndjson'),
    [{ line: 1001, reasons: ['email is that of a line before'] }],
    'in another batch too'
  )
})

t.test('what is no such file is said plainly', async (t) => {
  t.match(await run([at('nowhere.ndjson')]), { code: 1, stderr: /nowhere\.ndjson can not be read: ENOENT/ })
  t.match(await run([folder]), { code: 1, stderr: / is a folder\./ })
  writeFileSync(
    at('array.json'),
    JSON.stringify(Array.from({ length: 20_000 }, () => ({ email: 'x@example.com' })))
  )
  t.match(await run([at('array.json')]), {
    code: 1,
    stderr: /^Line 1 has more than 65536 characters: .*jq -c/
  })
})
