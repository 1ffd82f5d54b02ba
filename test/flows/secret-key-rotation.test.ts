// SECRET_KEY is exchanged as docs/deploying.md says: nobody is logged out, and the old one can go in the end.
import t from 'tap'
import { bearer, build, makeStores, refresh, signUp, tokensOf } from '../helper.ts'

const [old, recent] = [
  'the secret key of last year is long enough',
  'the secret key of this year is long enough'
]

t.test('a session and its access token outlive the secret key they were made with', async (t) => {
  const stores = await makeStores(t)
  const node = (SECRET_KEY: string) => build(t, { SECRET_KEY }, stores)

  const before = await node(old)
  let session = await signUp(before)
  for (const SECRET_KEY of [`${old},${recent}`, `${recent},${old}`, recent]) {
    const app = await node(SECRET_KEY)
    const { access_token } = session
    const me = await app.inject({ url: '/auth/me', headers: bearer(access_token) })
    t.equal(me.statusCode, 200, 'the access token is good')
    const refreshed = await refresh(app, session.refresh_token)
    t.equal(refreshed.statusCode, 200, 'the refresh token is good')
    session = { ...session, ...tokensOf(refreshed) }
  }
})

t.test('a secret key that is gone too early is named', async (t) => {
  const stores = await makeStores(t)
  await build(t, { SECRET_KEY: old }, stores)
  await t.rejects(build(t, { SECRET_KEY: recent }, stores), /can't be read with this SECRET_KEY/)
})
