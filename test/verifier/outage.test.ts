// The auth server is away: a service goes on with what it knows, and says so.
import Fastify from 'fastify'
import { randomUUID } from 'node:crypto'
import { Writable } from 'node:stream'
import t from 'tap'
import { accessTokenKey, decode, signEs256 } from '../forge.ts'
import { build, codeOf, signUp } from '../helper.ts'
import { outboundRequests } from '../outbound.ts'
import { isProblem } from '../problem.ts'
import { until } from '../stores/until.ts'
import verifier, {
  createVerifier,
  type Problem,
  type VerifierOptions,
  type VerifierStatus
} from '../../verifier/index.ts'
import { buildService, get, issuer, logOut, proxyTo } from './service.ts'

t.test('it goes on with the keys and revocations that it has', async (t) => {
  const app = await build(t)
  const { proxy, url } = await proxyTo(t, app)
  const [good, ended] = [await signUp(app), await signUp(app)]
  const unseen = await signUp(app)
  await logOut(app, ended.access_token)
  const service = await buildService(t, url)
  t.equal((await get(service, good.access_token)).statusCode, 200)
  t.equal(service.verifier.status.state, 'ok')

  await proxy.cut()
  await until('it to notice', async () => service.verifier.status.state === 'stale')
  t.match(service.verifier.status.revocations, { error: /ECONNREFUSED|fetch failed/, remembered: 1 })
  t.equal((await get(service, good.access_token)).statusCode, 200)
  t.equal((await get(service, unseen.access_token)).statusCode, 200, 'a token it has never seen')
  t.equal(codeOf(await get(service, ended.access_token)), 'session_revoked')
  t.equal(codeOf(await get(service, 'x')), 'access_token_invalid')

  await proxy.restore()
  await until('it to come back', async () => service.verifier.status.state === 'ok')
  t.equal(service.verifier.status.revocations.error, null)
})

t.test('started meanwhile, it says that nobody can be let in yet, and logs nobody out', async (t) => {
  const app = await build(t)
  const { proxy, url } = await proxyTo(t, app)
  const { access_token } = await signUp(app)
  await proxy.cut()
  const service = await buildService(t, url)
  t.equal(service.verifier.status.state, 'unavailable')
  const response = await get(service, access_token)
  isProblem(t, response, 'temporarily_unavailable')
  t.equal(response.headers['retry-after'], '1')
  t.notOk(response.headers['www-authenticate'])
  t.equal(codeOf(await service.inject('/notes')), 'access_token_missing')

  await proxy.restore()
  await until('it to let people in', async () => (await get(service, access_token)).statusCode === 200)
  t.equal(service.verifier.status.state, 'ok')
})

t.test('the comings and goings are logged once each', async (t) => {
  const app = await build(t)
  const { proxy, url } = await proxyTo(t, app)
  const lines: { level: number; msg: string }[] = []
  const stream = new Writable({
    write(line: Buffer, _encoding, done) {
      lines.push(JSON.parse(line.toString()) as { level: number; msg: string })
      done()
    }
  })
  const service = Fastify({ logger: { stream }, genReqId: () => randomUUID() })
  t.teardown(() => service.close())
  await service.register(verifier, { issuer, audience: issuer, url, revocations: 'poll' })
  await proxy.cut()
  await until('it to notice', async () => service.verifier.status.state === 'stale')
  await proxy.restore()
  await until('it to come back', async () => service.verifier.status.state === 'ok')
  t.match(lines, [
    { level: 30, msg: 'the auth server answers' },
    { level: 40, msg: 'the auth server does not answer: going on with the keys and revocations at hand' },
    { level: 30, msg: 'the auth server answers' }
  ])
  t.equal(lines.length, 3)
})

t.test('unknown keys make it ask once in a while, however many come', async (t) => {
  const app = await build(t)
  const { proxy, url } = await proxyTo(t, app)
  const { access_token } = await signUp(app)
  const states: VerifierStatus['state'][] = []
  const plain = createVerifier({ issuer, audience: issuer, url, onStatus: ({ state }) => states.push(state) })
  t.teardown(() => {
    plain.close()
  })
  await plain.ready()
  const { header, claims } = decode(access_token)
  const key = await accessTokenKey(app.stores)
  const strange = async (letter: string) => {
    const kids = Array.from({ length: 50 }, (_, number) => String(number).padStart(43, letter))
    const tokens = kids.map((kid) => signEs256({ ...header, kid }, claims, key))
    const answers = await Promise.allSettled(tokens.map((token) => plain.verify(token)))
    return new Set(
      answers.map((answer) => (answer.status === 'rejected' ? (answer.reason as Problem).code : ''))
    )
  }
  const outbound = outboundRequests(t)
  const forKeys = () => outbound.filter((path) => path.endsWith('jwks.json')).length

  const start = performance.now()
  for (let round = 0; round < 20; round++) t.same(await strange('A'), new Set(['access_token_invalid']))
  await proxy.cut()
  for (let round = 0; round < 20; round++) t.same(await strange('B'), new Set(['access_token_invalid']))
  const allowed = 5 + Math.ceil((performance.now() - start) / 5000)
  t.ok(forKeys() >= 5 && forKeys() <= allowed, `${String(forKeys())} for 2,000 tokens`)
  await plain.verify(access_token)
  t.same(states[0], 'ok')
})

t.test('the options are checked at registration', async (t) => {
  const refusal = async (options: object) => {
    const service = Fastify()
    t.teardown(() => service.close())
    const { message } = (await service.register(verifier, options as VerifierOptions).then(
      () => new Error('it started'),
      (error: unknown) => error
    )) as Error
    return message
  }
  t.match(
    await refusal({}),
    /The options of the verifier are not valid:\n.*issuer must be.*\n.*audience must be/
  )
  t.match(await refusal({ issuer: 'auth.example.com', audience: 'x' }), /^[^]*issuer must be the PUBLIC_URL/)
  t.match(await refusal({ issuer }), /audience must be the AUDIENCE/)
  t.match(await refusal({ issuer, audience: issuer, url: 'ftp://x' }), /url must be/)
  t.match(await refusal({ issuer, audience: issuer, revocations: 'never' }), /"events" or "poll"/)
  t.match(await refusal({ issuer, audience: issuer, introspection: { client_id: 'x' } }), /client_secret/)
})
