import t from 'tap'
import { build, codeOf, refresh, signUp } from '../helper.ts'

t.test('what is over is removed, what lives stays', async (t) => {
  const app = await build(t)
  const [expired, ended, recent, live] = [
    await signUp(app),
    await signUp(app),
    await signUp(app),
    await signUp(app)
  ]
  const { pool } = app.stores
  await pool.query("UPDATE sessions SET refresh_expires_at = now() - interval '8 days' WHERE id = $1", [
    expired.session_id
  ])
  await pool.query(
    "UPDATE sessions SET revoked_at = now() - interval '8 days', revoked_reason = 'logout' WHERE id = $1",
    [ended.session_id]
  )
  await pool.query("UPDATE sessions SET revoked_at = now(), revoked_reason = 'logout' WHERE id = $1", [
    recent.session_id
  ])
  await app.scope.housekeeping.run()
  const { rows } = await pool.query<{ id: string }>('SELECT id FROM sessions ORDER BY id')
  t.strictSame(
    rows.map(({ id }) => id),
    [recent.session_id, live.session_id]
  )
  t.equal(
    codeOf(await refresh(app, ended.refresh_token)),
    'session_revoked',
    'a row that is gone lets nobody in'
  )
  t.equal((await refresh(app, live.refresh_token)).statusCode, 200)
})

t.test('one node at a time', async (t) => {
  const app = await build(t)
  const { session_id } = await signUp(app)
  await app.stores.pool.query(
    "UPDATE sessions SET refresh_expires_at = now() - interval '8 days' WHERE id = $1",
    [session_id]
  )
  const other = await app.stores.pool.connect()
  await other.query('BEGIN')
  await other.query("SELECT pg_advisory_xact_lock(hashtext('latchkey housekeeping'))")
  t.equal(await app.scope.housekeeping.run(), 0)
  await other.query('COMMIT')
  other.release()
  t.equal(await app.scope.housekeeping.run(), 1)
})
