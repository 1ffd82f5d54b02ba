// Does the time of a refused login tell whether there is such a user? Measures, prints, asserts nothing.
//
//   npx tsx bench/login-timing.ts https://id.example.com      a server that runs
//   DATABASE_URL=… REDIS_URL=… npx tsx bench/login-timing.ts  one of its own, on those stores
//
// It signs up one user, who stays. LOGINS (default 200) is the number of refused logins of each kind.
import Fastify from 'fastify'
import { randomInt, randomUUID } from 'node:crypto'
import { latchkey, readConfiguration, serverOptions } from '../app.ts'
import { mannWhitney, summarize, welch } from './statistics.ts'

const kinds = ['unknown user', 'wrong password'] as const
type Kind = (typeof kinds)[number]

/** Warm connections, compiled code and caches first. */
const warmUps = 20

async function startServer() {
  const configuration = {
    LOG_LEVEL: 'fatal',
    SECRET_KEY: 'only to measure with and never for a server in use',
    ...process.env
  }
  const fastify = Fastify(serverOptions(readConfiguration(configuration)))
  await fastify.register(latchkey, configuration)
  return { url: await fastify.listen({ host: '127.0.0.1', port: 0 }), close: () => fastify.close() }
}

/** All addresses are equally long, and nothing in them tells whether they are known. */
const newAddress = () => `${randomUUID()}@example.com`

async function post(url: string, body: object): Promise<number> {
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body)
  })
  await response.arrayBuffer()
  return response.status
}

async function measure(url: string, logins: number): Promise<Record<Kind, number[]>> {
  const email = newAddress()
  const signup = await post(`${url}/auth/signup`, { email, password: randomUUID() })
  if (signup !== 201) throw new Error(`signup was answered with ${String(signup)}`)

  const times: Record<Kind, number[]> = { 'unknown user': [], 'wrong password': [] }
  const login = async (kind: Kind) => {
    const address = kind === 'unknown user' ? newAddress() : email
    const start = performance.now()
    const status = await post(`${url}/auth/login`, { email: address, password: randomUUID() })
    const time = performance.now() - start
    if (status !== 401) throw new Error(`login was answered with ${String(status)}`)
    return time
  }
  for (let warmUp = 0; warmUp < warmUps; warmUp++) for (const kind of kinds) await login(kind)
  // In pairs, in an order by chance: what slows the machine for a while slows both kinds.
  for (let pair = 0; pair < logins; pair++) {
    const order = randomInt(2) === 0 ? kinds : kinds.toReversed()
    for (const kind of order) times[kind].push(await login(kind))
  }
  return times
}

const say = (text: string) => process.stdout.write(`${text}\n`)

const [, , given] = process.argv
const server =
  given === undefined ? await startServer() : { url: given.replace(/\/$/, ''), close: () => undefined }
try {
  const times = await measure(server.url, Number(process.env['LOGINS'] ?? 200))
  for (const kind of kinds) {
    const { n, ...figures } = summarize(times[kind])
    const shown = Object.entries(figures).map(([name, value]) => `${name} ${value.toFixed(2)} ms`)
    say(`${kind.padEnd(15)} n ${String(n)}  ${shown.join('  ')}`)
  }
  const [unknown, wrong] = [times['unknown user'], times['wrong password']]
  const difference = summarize(unknown).median - summarize(wrong).median
  const ranks = mannWhitney(unknown, wrong)
  const means = welch(unknown, wrong)
  say(`difference of the medians ${difference.toFixed(2)} ms`)
  say(`Mann-Whitney U = ${ranks.statistic.toFixed(0)}, p = ${ranks.p.toFixed(3)}`)
  say(`Welch t = ${means.statistic.toFixed(2)}, p = ${means.p.toFixed(3)}`)
  say('A small p (under 0.01, and again when repeated) would mean that the time tells the two apart.')
} finally {
  await server.close()
}
