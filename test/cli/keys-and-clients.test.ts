import t from 'tap'
import { bearer, build, codeOf, makeStores, signUp } from '../helper.ts'
import { introspect, postForm, basic } from '../oauth.ts'
import { onStores } from '../server/process.ts'
import { agedBy, kidOf, lead, publishedBy } from '../signing-keys.ts'
import { until } from '../stores/until.ts'
import { latchkey } from './command.ts'

const app = await build(t)
const env = onStores(app.stores)
const run = (...args: string[]) => latchkey(args, { env })
const json = async <Answer>(...args: string[]) => {
  const { code, stdout, stderr } = await run(...args, '--json')
  t.equal(code, 0, args.join(' '))
  t.equal(stderr, '')
  t.match(stdout, /^\{.*\}\n$/, 'one line for scripts')
  return JSON.parse(stdout) as Answer
}

t.test('keys: listed, rotated, revoked, and the server follows by itself', async (t) => {
  const { access_token } = await signUp(app)
  const old = kidOf(access_token)
  const { stdout } = await run('keys', 'list')
  t.match(stdout, new RegExp(`^kid +state .*\\n${old} +active +\\S+Z`))

  const { kid, state, rotated } = await json<{ kid: string; state: string; rotated: boolean }>(
    'keys',
    'rotate'
  )
  t.same([state, rotated], ['published', true])
  await until('the server to publish it', async () => (await publishedBy(app)).includes(kid))
  await agedBy(app.stores, lead)
  t.equal((await app.inject({ url: '/auth/me', headers: bearer(access_token) })).statusCode, 200)

  const revoked = await run('keys', 'revoke', old, 'nonsense')
  t.match(revoked, {
    code: 1,
    stdout: `Revoked ${old}.\nKey ${kid} signs now.`,
    stderr: /so not revoked: nonsense/
  })
  await until('the server to refuse its tokens', async () => {
    return (
      codeOf(await app.inject({ url: '/auth/me', headers: bearer(access_token) })) === 'access_token_invalid'
    )
  })

  const all = await json<{ revoked: string[]; active: string }>('keys', 'revoke', '--all')
  t.same(all.revoked, [kid])
  await until('the server to sign with another', async () => {
    return kidOf((await signUp(app)).access_token) === all.active
  })
})

t.test('clients: made, listed without their secrets, deleted', async (t) => {
  const made = await json<{ client_id: string; client_secret: string }>('clients', 'create', 'orders service')
  const client = { id: made.client_id, secret: made.client_secret }
  t.match(client.secret, /^[\w-]{43}$/, '256 bits')
  const { access_token } = await signUp(app)
  t.match(await introspect(app, client, access_token), { active: true })

  const { stdout } = await run('clients', 'list')
  t.match(stdout, new RegExp(`^${client.id}  orders service `, 'm'))
  t.notMatch(stdout, client.secret)

  t.match(await run('clients', 'delete', client.id), { code: 0, stdout: `Deleted ${client.id}.` })
  const refused = await postForm(app, '/oauth/introspect', { token: access_token }, basic(client))
  t.match(refused.json(), { error: 'invalid_client' })
})

t.test('where SECRET_KEY was stolen or lost, a new one begins anew', async (t) => {
  const stores = await makeStores(t)
  await (await build(t, {}, stores)).close()
  const SECRET_KEY = 'another one that this database has not seen yet'
  await t.rejects(build(t, { SECRET_KEY }, stores), /can't be read with this SECRET_KEY/)
  const { code, stdout } = await latchkey(['keys', 'revoke', '--all'], {
    env: { ...onStores(stores), SECRET_KEY }
  })
  t.equal(code, 0)
  const started = await build(t, { SECRET_KEY }, stores)
  t.match(stdout, `Key ${kidOf((await signUp(started)).access_token)} signs now.`)
})

t.test('what can not be done is said in plain words', async (t) => {
  const nowhere = { ...env, DATABASE_URL: 'postgres://127.0.0.1:1/nowhere' }
  const { code, stdout, stderr } = await latchkey(['keys', 'list'], { env: nowhere })
  t.equal(code, 1)
  t.equal(stdout, '')
  t.equal(
    stderr,
    'postgres does not answer (connect ECONNREFUSED 127.0.0.1:1). Is DATABASE_URL right? Try again, or ask: latchkey doctor\n'
  )
  const wrong = await latchkey(['migrate'], { env: { ...env, PORT: 'banana' } })
  t.match(wrong, { code: 1, stderr: 'The configuration is not valid:\n  - PORT must be integer\n' })
})
