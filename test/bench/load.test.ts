// What the bench sends is answered as it should be, on the real server; what is not, it notices.
import type { FastifyInstance } from 'fastify'
import t, { type Test } from 'tap'
import { unexpected } from '../../bench/figures.ts'
import { findFaults, invite, load } from '../../bench/measure.ts'
import { scenarios } from '../../bench/scenarios.ts'
import { generationOf } from '../../bench/visitor.ts'
import { build } from '../helper.ts'

const connections = 4

async function listen(app: FastifyInstance) {
  return { url: await app.listen({ host: '127.0.0.1', port: 0 }), pid: process.pid }
}

const generationNumber = (token: string) => Number(generationOf(token).split('.')[1])

async function begin(t: Test) {
  const app = await build(t, { REFRESH_RATE: 0 })
  const server = await listen(app)
  return { app, server, visitors: await invite(server, connections) }
}

for (const name of ['refresh', 'refresh-replay', 'mixed'] as const) {
  t.test(name, async (t) => {
    const { server, visitors } = await begin(t)
    const round = await scenarios[name].round(visitors)
    const figures = await load(server, { connections, duration: 1 }, round.requests)
    t.same(unexpected(figures, [200]), [])
    t.same(round.findFaults(), [])
    if (name === 'refresh') {
      const rotations = visitors.map(({ refreshToken }) => generationNumber(refreshToken) - 1)
      t.equal(
        rotations.reduce((sum, times) => sum + times, 0),
        figures.requests,
        'each is of the token that the one before was given'
      )
    }
    t.same(await findFaults(visitors), [])
    t.ok(figures.requests_per_second > 0 && figures.p50_ms > 0 && figures.cpu_us_per_request > 0)
    t.ok(figures.p50_ms <= figures.p99_ms && figures.p99_ms <= figures.max_ms)
  })
}

t.test('a session that was ended is noticed, in the load and after it', async (t) => {
  const { app, server, visitors } = await begin(t)
  const [sid = ''] = generationOf(visitors[0]?.refreshToken ?? '').split('.')
  await app.scope.sessions.revoke([sid], 'logout', { ip: null, user_agent: null })

  const round = await scenarios.refresh.round(visitors)
  const figures = await load(server, { connections, duration: 1 }, round.requests)
  t.match(unexpected(figures, [200]), [/^\d+ requests were answered 401$/])
  t.same(await findFaults(visitors), ['its newest token is answered 401 and 401'])
})

t.test('a second line of tokens is noticed', async (t) => {
  const { app, server, visitors } = await begin(t)
  const { refreshTokens } = app.scope
  const sign = refreshTokens.sign.bind(refreshTokens)
  let more = 0
  const round = await scenarios['refresh-replay'].round(visitors)
  // Whoever asks for the head is given one of their own.
  refreshTokens.sign = (generation) => sign({ ...generation, gen: generation.gen + ++more })
  await load(server, { connections, duration: 1 }, round.requests)
  t.match(round.findFaults(), [/^\d+ other tokens than the head were answered$/])
  t.match(await findFaults(visitors), [/^its session has the heads /])
})
