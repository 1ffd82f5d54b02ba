// A Postgres that shut down while a login held a connection, between two queries of its transaction, ended the
// whole process: the pool listens for errors of idle connections only, and nobody listened for this one's.
import t from 'tap'
import { StoreUnavailable } from '../../lib/store-error.ts'
import { build } from '../helper.ts'

t.test('a connection that breaks inside a transaction fails that transaction only', async (t) => {
  const app = await build(t)
  const { pg } = app.scope
  const transaction = pg.transact(async (client) => {
    const { rows } = await client.query<{ pid: number }>('SELECT pg_backend_pid() AS pid')
    const gone = new Promise((resolve) => client.once('end', resolve))
    await app.stores.pool.query('SELECT pg_terminate_backend($1)', [rows[0]?.pid])
    await gone
    await client.query('SELECT 1')
  })
  await t.rejects(transaction, StoreUnavailable)
  t.same((await pg.query('SELECT 1 AS one')).rows, [{ one: 1 }])
})
