// The server dies while a password is being changed, at a random moment and at the worst ones. Either password works,
// never none and never both; where it is the new one, the other sessions have ended.
import pg from 'pg'
import t from 'tap'
import { startPostgres } from '../stores/postgres.ts'
import { startRedis } from '../stores/redis.ts'
import { startNodeProcess } from './node.ts'
import { settings } from './traffic.ts'

const old = 'correct horse battery staple'
const chosen = 'battery staple correct horse'

void t.test('The server is killed while a password is changed', async (t) => {
  const redis = await startRedis()
  t.teardown(() => redis.close())
  const postgres = await startPostgres()
  t.teardown(() => postgres.close())
  const node = await startNodeProcess({
    ...settings,
    DATABASE_URL: `postgres://postgres@127.0.0.1:${String(postgres.port)}/postgres`,
    REDIS_URL: redis.url,
    STORE_TIMEOUT: '10s'
  })
  t.teardown(() => node.close())

  const post = (path: string, body: object, token?: string) =>
    fetch(`${node.url}/auth/${path}`, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        'x-client': 'native',
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` })
      },
      body: JSON.stringify(body)
    })
  const signIn = async (path: 'signup' | 'login', email: string) =>
    (await (await post(path, { email, password: old })).json()) as {
      access_token: string
      refresh_token: string
    }
  const exchange = (token: string) =>
    fetch(`${node.url}/auth/refresh`, { method: 'POST', headers: { authorization: `Bearer ${token}` } })

  /** Changes a password, and kills the server at the moment that is given. */
  const killedAt = async (name: string, moment: () => Promise<unknown>) => {
    const email = `${name.replaceAll(/\W/g, '.')}@example.com`
    const here = await signIn('signup', email)
    const elsewhere = await signIn('login', email)
    const answer = post('password', { current_password: old, new_password: chosen }, here.access_token).then(
      ({ status }) => status,
      () => 'no answer'
    )
    await moment()
    await node.kill()
    await node.start()

    const said = await answer
    const works = {
      old: (await post('login', { email, password: old })).status === 200,
      new: (await post('login', { email, password: chosen })).status === 200
    }
    t.comment(`${name}: ${String(said)}, the ${works.new ? 'new' : 'old'} password works`)
    t.not(works.old, works.new, `${name}: one of the two works`)
    if (said === 204) t.ok(works.new, `${name}: what was acknowledged is so`)
    t.equal(
      (await exchange(elsewhere.refresh_token)).status,
      works.new ? 401 : 200,
      `${name}: the other session`
    )
    t.equal((await exchange(here.refresh_token)).status, 200, `${name}: this session`)
    return works.new
  }

  const after = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))
  for (const round of [1, 2, 3, 4]) await killedAt(`round ${String(round)}`, () => after(Math.random() * 120))

  // Committed, and nobody was told.
  const watcher = new pg.Client({
    host: '127.0.0.1',
    port: postgres.port,
    user: 'postgres',
    database: 'postgres'
  })
  await watcher.connect()
  t.teardown(() => watcher.end())
  const changed = async () => {
    const { rows } = await watcher.query<{ changed: boolean }>(
      "SELECT password_version > 1 AS changed FROM users WHERE email = 'committed@example.com'"
    )
    return rows[0]?.changed === true
  }
  const isNew = await killedAt('committed', async () => {
    while (!(await changed()));
  })
  t.ok(isNew, 'committed is committed')
})
