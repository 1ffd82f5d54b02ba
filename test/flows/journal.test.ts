import t from 'tap'
import { build, refresh, refreshNative, signUp, tokensOf, codeOf } from '../helper.ts'

const rowOf = async (app: Awaited<ReturnType<typeof build>>, sid: string) => {
  const { rows } = await app.stores.pool.query<{
    gen: number
    rotated_at: Date
    idempotency_key_hash: string | null
  }>('SELECT gen, rotated_at, idempotency_key_hash FROM sessions WHERE id = $1', [sid])
  return rows[0]
}

t.test('generation and last use reach Postgres behind the answer', async (t) => {
  const app = await build(t)
  const { refresh_token, session_id } = await signUp(app)
  const second = tokensOf(await refresh(app, refresh_token))
  await refresh(app, second.refresh_token, { 'idempotency-key': 'an attempt' })
  await app.scope.sessionJournal.flush()
  const row = await rowOf(app, session_id)
  t.equal(row?.gen, 3)
  t.equal(
    row?.rotated_at.getTime(),
    Number(await app.stores.redis.hget(app.stores.key(session_id), 'rotated_at'))
  )
  t.equal(
    row?.idempotency_key_hash?.slice(0, 22),
    await app.stores.redis.hget(app.stores.key(session_id), 'idempotency_key_hashes'),
    'of which Redis keeps the first 128 bits'
  )
})

t.test('the journal is written at shutdown, and never goes backwards', async (t) => {
  const stores = (await build(t)).stores
  const node = await build(t, {}, stores)
  const { refresh_token, session_id } = await signUp(node)
  const second = tokensOf(await refresh(node, refresh_token))
  await refresh(node, second.refresh_token)
  const late = await build(t, {}, stores)
  await node.close()
  late.scope.sessionJournal.note({
    ...{ sid: session_id, gen: 2, rotated_at: 0, refresh_expires_at: 0, idempotency_key_hash: null }
  })
  await late.close()
  const { rows } = await stores.pool.query<{ gen: number }>('SELECT gen FROM sessions WHERE id = $1', [
    session_id
  ])
  t.equal(rows[0]?.gen, 3)
})

t.test('an outage of Postgres delays the journal and loses nothing', async (t) => {
  const app = await build(t)
  const { refresh_token, session_id } = await signUp(app)
  await refresh(app, refresh_token)
  await app.stores.pool.query('ALTER TABLE sessions RENAME TO sessions_away')
  await app.scope.sessionJournal.flush()
  t.match((await app.inject({ url: '/metrics' })).body, /^latchkey_journal_sessions 1$/m)
  await app.stores.pool.query('ALTER TABLE sessions_away RENAME TO sessions')
  await app.scope.sessionJournal.flush()
  t.equal((await rowOf(app, session_id))?.gen, 2)
})

t.test('when Redis forgot', async (t) => {
  const app = await build(t)
  const forget = (sid: string) => app.stores.redis.del(app.stores.key(sid))

  t.test('a live session is written anew and rotated', async (t) => {
    const { refresh_token, session_id } = await signUp(app)
    await forget(session_id)
    const second = await refresh(app, refresh_token)
    t.equal(second.statusCode, 200)
    t.equal((await refresh(app, tokensOf(second).refresh_token)).statusCode, 200)
  })

  t.test('of many at once one writes it and the others are replays', async (t) => {
    const { refresh_token, session_id } = await signUp(app)
    await forget(session_id)
    const all = await Promise.all(Array.from({ length: 20 }, () => refresh(app, refresh_token)))
    t.equal(new Set(all.map((response) => tokensOf(response).refresh_token)).size, 1)
  })

  t.test('the parent is replayed within the overlap: the same bytes, from the journal', async (t) => {
    const { refresh_token, session_id } = await signUp(app)
    const second = tokensOf(await refresh(app, refresh_token))
    await app.scope.sessionJournal.flush()
    await forget(session_id)
    t.equal(tokensOf(await refresh(app, refresh_token)).refresh_token, second.refresh_token)
  })

  t.test('the parent is replayed with the Idempotency-Key of its attempt, however late', async (t) => {
    const { refresh_token, session_id } = await signUp(app)
    const key = { 'idempotency-key': 'one attempt' }
    const second = tokensOf(await refresh(app, refresh_token, key))
    await app.scope.sessionJournal.flush()
    await forget(session_id)
    await app.stores.age(session_id, 3_600_000)
    const again = await refresh(app, refresh_token, key)
    t.equal(again.statusCode, 200)
    t.not(tokensOf(again).refresh_token, refresh_token)
    t.equal((await refresh(app, second.refresh_token)).statusCode, 200)
  })

  t.test('an old token is still reuse', async (t) => {
    const { refresh_token, session_id } = await signUp(app)
    const second = tokensOf(await refresh(app, refresh_token))
    await refresh(app, second.refresh_token)
    await app.scope.sessionJournal.flush()
    await forget(session_id)
    t.equal(codeOf(await refresh(app, refresh_token)), 'refresh_token_reused')
    t.equal((await refresh(app, second.refresh_token)).statusCode, 401)
  })

  t.test('what Postgres has as ended stays ended', async (t) => {
    const { refresh_token, session_id, access_token } = await signUp(app)
    await app.inject({
      method: 'POST',
      url: '/auth/logout',
      headers: { authorization: `Bearer ${access_token}` }
    })
    await forget(session_id)
    t.equal(codeOf(await refresh(app, refresh_token)), 'session_revoked')
    t.equal(await app.stores.redis.exists(app.stores.key(session_id)), 0)
  })

  t.test('absolute expiry does not move', async (t) => {
    const { refresh_token, session_id } = await signUp(app)
    const before = await app.stores.redis.hget(app.stores.key(session_id), 'expires_at')
    await forget(session_id)
    await refresh(app, refresh_token)
    t.equal(await app.stores.redis.hget(app.stores.key(session_id), 'expires_at'), before)
  })
})

t.test('a Redis that lost the last rotations rolls forward', async (t) => {
  const app = await build(t)
  const native = await app.inject({
    method: 'POST',
    url: '/auth/signup',
    headers: { 'x-client': 'native' },
    payload: { email: 'native@example.com', password: 'correct horse battery staple' }
  })
  const first = tokensOf(native)
  const key = app.stores.key(first.session_id)
  const old = await app.stores.redis.hgetall(key)
  const second = tokensOf(await refreshNative(app, first.refresh_token))
  const third = tokensOf(await refreshNative(app, second.refresh_token))

  await app.stores.redis.hset(key, old)
  t.equal((await refreshNative(app, third.refresh_token)).statusCode, 200, 'the head goes on')
  await app.scope.sessionJournal.flush()
  await app.stores.redis.hset(key, old)
  t.equal(
    codeOf(await refreshNative(app, first.refresh_token)),
    'refresh_token_reused',
    'what is older is reuse'
  )
})
