// Prometheus asks one worker, and has to be told of all.
import t from 'tap'
import { makeStores, redisInMemory } from '../helper.ts'
import { until } from '../stores/until.ts'
import { ask, onStores, startServer } from './process.ts'
import { connectToEach, workersOf } from './workers.ts'

// Each start of a process takes its time on a busy machine.
t.setTimeout(300_000)

const skip = redisInMemory && 'workers need a Redis that they can share'

t.test('counters add up, and do not fall when a worker goes', { skip }, async (t) => {
  const server = startServer(t, { env: { ...onStores(await makeStores(t)), WORKERS: '2' } })
  const url = await server.ready
  const scrape = async () => (await ask('GET', `${url}/metrics`)).body
  const figure = (text: string, name: string) =>
    Number(
      text
        .split('\n')
        .find((line) => line.startsWith(name))
        ?.split(' ')
        .at(-1)
    )
  const seen = (text: string) =>
    figure(
      text,
      'latchkey_request_duration_seconds_count{method="GET",route="/.well-known/jwks.json",status="200"}'
    )

  const askEach = async () => {
    for (const agent of (await connectToEach(server)).values()) {
      await ask('GET', `${url}/.well-known/jwks.json`, { agent })
      agent.destroy()
    }
  }
  await askEach()
  await askEach()
  const before = await scrape()
  t.equal(seen(before), 4, 'each has answered two')
  t.equal(before.split('\n').filter((line) => line.startsWith('latchkey_journal_lag_seconds ')).length, 1)
  t.ok(figure(before, 'latchkey_revocation_lag_seconds') < 10)

  const [killed] = workersOf(server.child)
  if (killed === undefined) throw new Error('there is no worker')
  process.kill(killed, 'SIGKILL')
  const replaced = async () =>
    workersOf(server.child).length === 2 && !workersOf(server.child).includes(killed)
  await until('another worker', replaced)
  t.equal(seen(await scrape()), 4, 'what a killed one had counted stays')
  await until('the other worker to answer', () => askEach().then(() => true))
  t.equal(seen(await scrape()), 6)

  const old = workersOf(server.child)
  server.child.kill('SIGHUP')
  await until('new workers', async () => {
    const now = workersOf(server.child)
    return now.length === 2 && !now.some((worker) => old.includes(worker))
  })
  await askEach()
  t.equal(seen(await scrape()), 8, 'what replaced ones had counted stays')
  server.child.kill('SIGTERM')
  t.match(await server.ended, { code: 0 })
})
