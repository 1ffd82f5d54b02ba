import { Client } from 'pg'
import t, { type Test } from 'tap'
import { leftovers } from './leftovers.ts'
import { startPostgres } from './postgres.ts'

async function postgresFor(t: Test) {
  const postgres = await startPostgres({ settings: { max_connections: '20' } })
  t.teardown(() => postgres.close())
  const connect = async () => {
    const client = new Client({ connectionString: postgres.url, query_timeout: 500 })
    client.on('error', () => undefined)
    await client.connect()
    t.teardown(() => client.end())
    return client
  }
  return { postgres, connect }
}

void t.test('close leaves no process, port or folder, and can be repeated', async (t) => {
  const { postgres, connect } = await postgresFor(t)
  const client = await connect()
  const settings = await client.query('SHOW max_connections')
  t.same(settings.rows, [{ max_connections: '20' }])
  await postgres.close()
  await postgres.close()
  t.same(await leftovers(postgres), [])
})

for (const mode of ['fast', 'immediate'] as const) {
  void t.test(`committed rows survive a stop that is ${mode}, on the same port`, async (t) => {
    const { postgres, connect } = await postgresFor(t)
    const before = await connect()
    await before.query('CREATE TABLE sessions AS SELECT generate_series(1, 1000)')
    await postgres.stop(mode)
    t.equal(postgres.state, 'exited')
    await t.rejects(connect(), /ECONNREFUSED/)
    await t.rejects(before.query('SELECT 1'))

    await postgres.start()
    const after = await connect()
    t.same((await after.query('SELECT count(*)::int FROM sessions')).rows, [{ count: 1000 }])
  })
}

void t.test('a paused server keeps its connections and answers nothing until it resumes', async (t) => {
  const { postgres, connect } = await postgresFor(t)
  const client = await connect()
  await postgres.pause()
  t.equal(postgres.state, 'paused')
  await t.rejects(client.query('SELECT 1'), /timeout/)
  postgres.resume()
  t.same((await client.query('SELECT 2 AS answer')).rows, [{ answer: 2 }])
})

void t.test('a paused server can be stopped and closed', async (t) => {
  const { postgres } = await postgresFor(t)
  await postgres.pause()
  await postgres.stop('fast')
  await postgres.start()
  await postgres.pause()
  await postgres.close()
  t.same(await leftovers(postgres), [])
})
