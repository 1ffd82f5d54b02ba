// A Cluster of six loses a master under load: its slots are nobody's until its replica has taken them over,
// while the sessions in the other slots go on.
import t from 'tap'
import { startCluster } from '../stores/cluster.ts'
import { until } from '../stores/until.ts'
import { startNodes, startTraffic } from './traffic.ts'

void t.test('Cluster: a master is killed, and comes back as an empty replica', async (t) => {
  const cluster = await startCluster({ args: ['--cluster-require-full-coverage', 'no'] })
  t.teardown(() => cluster.close())
  const traffic = await startTraffic(t, await startNodes(t, cluster.url))

  const killed = await cluster.killMasterOf('a')
  traffic.leave()
  await cluster.waitForFailover(killed)
  await traffic.recovers()
  await killed.restart({ keepData: false })
  await cluster.waitUntilHealthy()
  await traffic.flows()
  await traffic.end(t)
})

void t.test('Cluster: a master stands still, is replaced, and goes on', async (t) => {
  const cluster = await startCluster()
  t.teardown(() => cluster.close())
  const traffic = await startTraffic(t, await startNodes(t, cluster.url))

  const paused = await cluster.masterOf('a')
  paused.pause()
  traffic.leave()
  await cluster.waitForFailover(paused)
  await traffic.recovers()
  paused.resume()
  await cluster.waitUntilHealthy()
  await traffic.flows()
  await traffic.end(t)
})

void t.test("Cluster: who logs in while some slots are nobody's may do so afterwards", async (t) => {
  const cluster = await startCluster({ args: ['--cluster-require-full-coverage', 'no'] })
  t.teardown(() => cluster.close())
  const [node] = await startNodes(t, cluster.url)
  if (!node) throw new Error('no node was started')
  const post = async (path: string, person: number) => {
    const { status } = await fetch(node.url + path, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'x-client': 'native' },
      body: JSON.stringify({
        email: `${String(person)}@example.com`,
        password: 'correct horse battery staple'
      })
    })
    return status
  }
  // What counts the guesses at one account is in three slots: of so many, some have one of them on the dead node.
  const people = Array.from({ length: 8 }, (_, person) => person)
  for (const person of people) t.equal(await post('/auth/signup', person), 201)

  const killed = await cluster.killMasterOf('a')
  const answers = await Promise.all(
    people.map(async (person) => {
      const statuses: number[] = []
      for (let attempt = 0; attempt < 12; attempt += 1) statuses.push(await post('/auth/login', person))
      return statuses
    })
  )
  t.same([...new Set(answers.flat())].sort(), [200, 503])
  await cluster.waitForFailover(killed)
  for (const person of people) {
    let status = 503
    await until('an answer', async () => (status = await post('/auth/login', person)) !== 503)
    t.equal(status, 200)
  }
})
