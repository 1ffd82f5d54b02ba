// What has to hold whichever of several workers is asked.
import t, { type Test } from 'tap'
import { bearer, makeStores, password, redisInMemory } from '../helper.ts'
import { until } from '../stores/until.ts'
import { ask, onStores, signUp, startServer } from './process.ts'
import { connectToEach } from './workers.ts'

// Each start of a process takes its time on a busy machine.
t.setTimeout(300_000)

const skip = redisInMemory && 'workers need a Redis that they can share'

async function startWorkers(t: Test, env: NodeJS.ProcessEnv = {}) {
  const stores = await makeStores(t)
  const server = startServer(t, { env: { ...onStores(stores), WORKERS: '3', ...env } })
  const url = await server.ready
  const agents = [...(await connectToEach(server)).values()]
  t.teardown(() => {
    for (const agent of agents) agent.destroy()
  })
  t.equal(agents.length, 3)
  /** Asks one worker after the other. */
  const askEach = (method: string, path: string, token: string) =>
    Promise.all(agents.map((agent) => ask(method, `${url}${path}`, { headers: bearer(token), agent })))
  return { stores, server, url, agents, askEach }
}

t.test('who logs out at one is out at all', { skip }, async (t) => {
  const { url, askEach, agents } = await startWorkers(t)
  const { access_token, refresh_token } = await signUp(url)
  t.same(
    (await askEach('GET', '/auth/me', access_token)).map(({ status }) => status),
    [200, 200, 200]
  )
  const [agent] = agents
  if (!agent) throw new Error('there is no worker')
  const answer = await ask('POST', `${url}/auth/logout`, { headers: bearer(access_token), agent })
  t.equal(answer.status, 204)
  const isOut = async () =>
    (await askEach('GET', '/auth/me', access_token)).every(({ status }) => status === 401)
  await until('every worker to refuse its access token', isOut, { within: 5000 })
  t.same(
    (await askEach('POST', '/auth/refresh', refresh_token)).map(({ status }) => status),
    [401, 401, 401]
  )
})

t.test('a user has as many sessions as there may be, wherever the logins go', { skip }, async (t) => {
  const limit = 4
  const { stores, url, agents } = await startWorkers(t, { MAX_SESSIONS_PER_USER: String(limit) })
  const email = 'ada@example.com'
  await signUp(url, email)
  const logIn = () =>
    Promise.all(agents.map((agent) => ask('POST', `${url}/auth/login`, { body: { email, password }, agent })))
  const answers = (await Promise.all([logIn(), logIn(), logIn()])).flat()
  t.same(new Set(answers.map(({ status }) => status)), new Set([200]))
  const { rows } = await stores.pool.query('SELECT id FROM sessions WHERE revoked_at IS NULL')
  t.equal(rows.length, limit)
})

t.test('all of them that are given the same refresh token at once give the same one', { skip }, async (t) => {
  const { url, askEach } = await startWorkers(t)
  let { refresh_token } = await signUp(url)
  for (let turn = 0; turn < 10; turn += 1) {
    const answers = await askEach('POST', '/auth/refresh', refresh_token)
    t.same(new Set(answers.map(({ status }) => status)), new Set([200]))
    const given = new Set(
      answers.map(({ body }) => (JSON.parse(body) as { refresh_token: string }).refresh_token)
    )
    t.equal(given.size, 1)
    ;[refresh_token = ''] = given
  }
})

t.test('how often one session may be rotated is one limit for all', { skip }, async (t) => {
  const rate = 6
  const { url, agents } = await startWorkers(t, { REFRESH_RATE: String(rate) })
  let { refresh_token } = await signUp(url)
  const statuses = []
  for (let turn = 0; turn <= rate; turn += 1) {
    const agent = agents[turn % agents.length]
    if (!agent) throw new Error('there is no worker')
    const { status, body } = await ask('POST', `${url}/auth/refresh`, {
      headers: bearer(refresh_token),
      agent
    })
    statuses.push(status)
    if (status === 200) ({ refresh_token } = JSON.parse(body) as { refresh_token: string })
  }
  t.same(statuses, [...Array<number>(rate).fill(200), 429])
})
