// SECRET_KEY is exchanged as docs/keys.md says: nobody is logged out, and the old one can go in the end.
import t from 'tap'
import { decodeProtectedHeader } from 'jose'
import {
  bearer,
  build,
  makeStores,
  refresh,
  refreshNative,
  signUp,
  tokensOf,
  type Stores
} from '../helper.ts'
import { agedBy, kidOf, lead } from '../signing-keys.ts'

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

/** What names the secret key that each private half is encrypted under, the newest first. */
async function encryptedUnder({ pool }: Stores) {
  const { rows } = await pool.query<{ jwe: string }>(
    'SELECT encrypted_private_jwk AS jwe FROM signing_keys ORDER BY activates_at DESC'
  )
  return rows.map(({ jwe }) => decodeProtectedHeader(jwe).kid)
}

t.test('every private half that may sign is encrypted anew, with no refresh token lost', async (t) => {
  const stores = await makeStores(t)
  const node = (SECRET_KEY: string) => build(t, { SECRET_KEY }, stores)
  const before = await node(old)
  const { key } = await before.scope.signingKeyRecords.rotate()
  const sessions = await Promise.all([signUp(before), signUp(before, { 'x-client': 'native' })])
  const [underOld] = await encryptedUnder(stores)
  t.same(await encryptedUnder(stores), [underOld, underOld], 'the one that signs, and the published one')

  const both = await node(`${old},${recent}`)
  t.same(await encryptedUnder(stores), [underOld, underOld], 'the first of the list encrypts')

  const during = await node(`${recent},${old}`)
  const [underRecent] = await encryptedUnder(stores)
  t.not(underRecent, underOld)
  t.same(await encryptedUnder(stores), [underRecent, underRecent])
  await t.rejects(
    before.scope.signingKeyRecords.readPrivateJwk({
      ...key,
      ...(await during.scope.signingKeyRecords.list())[0]
    }),
    /can't be read/
  )

  // The signing key changes in the middle of it.
  await agedBy(stores, lead)
  const [browser, native] = sessions
  for (const app of [both, during]) {
    await app.scope.signingKeys.reload()
    const me = await app.inject({ url: '/auth/me', headers: bearer(browser.access_token) })
    t.equal(me.statusCode, 200)
    t.equal(kidOf((await signUp(app)).access_token), key.kid)
  }

  // Refresh tokens of the old secret are exchanged for ones of the new, cookie and bearer alike.
  const fresh = [
    tokensOf(await refresh(during, browser.refresh_token)),
    tokensOf(await refreshNative(during, native.refresh_token))
  ]
  const after = await node(recent)
  const [one, other] = fresh
  t.equal((await refresh(after, one?.refresh_token ?? '')).statusCode, 200)
  t.equal((await refreshNative(after, other?.refresh_token ?? '')).statusCode, 200)
})

t.test('a node without the secret of a new key goes on with the one before', async (t) => {
  const stores = await makeStores(t)
  const behind = await build(t, { SECRET_KEY: old }, stores)
  const ahead = await build(t, { SECRET_KEY: `${recent},${old}` }, stores)
  const { key } = await ahead.scope.signingKeyRecords.rotate()
  await agedBy(stores, lead)
  await Promise.all([behind, ahead].map(({ scope }) => scope.signingKeys.reload()))
  const sessions = [await signUp(behind), await signUp(ahead)]
  t.not(kidOf(sessions[0]?.access_token ?? ''), key.kid)
  t.equal(kidOf(sessions[1]?.access_token ?? ''), key.kid)
  for (const app of [behind, ahead]) {
    for (const { access_token } of sessions)
      t.equal((await app.inject({ url: '/auth/me', headers: bearer(access_token) })).statusCode, 200)
  }
})

t.test('a secret key that is gone too early is named', async (t) => {
  const stores = await makeStores(t)
  await build(t, { SECRET_KEY: old }, stores)
  await t.rejects(build(t, { SECRET_KEY: recent }, stores), /can't be read with this SECRET_KEY/)
})
