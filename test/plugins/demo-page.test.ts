import Fastify from 'fastify'
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import t from 'tap'
import { latchkey } from '../../app.ts'
import { build, codeOf, makeStores, redisInMemory } from '../helper.ts'
import { isProblem } from '../problem.ts'
import { ask, onStores, root, startServer } from '../server/process.ts'
import { startNodeProcess } from '../faults/node.ts'

// As prestart and predev do.
t.before(() => promisify(execFile)('npx', ['tsx', 'scripts/build-demo.ts'], { cwd: root }))

t.test('is there with DEMO only', async (t) => {
  for (const DEMO of ['', 'false']) {
    const app = await build(t, { DEMO })
    for (const url of ['/', '/demo/main.js']) isProblem(t, await app.inject({ url }), 'not_found')
    isProblem(t, await app.inject({ method: 'POST', url: '/demo/theft' }), 'not_found')
  }
})

t.test('nothing of it is inline, from elsewhere, or served without asking again', async (t) => {
  const app = await build(t, { DEMO: 'true' })
  const page = await app.inject({ url: '/' })
  t.equal(page.statusCode, 200)
  t.match(page.headers['content-type'], 'text/html')
  const linked = [...page.body.matchAll(/ (?:src|href)="([^"]+)"/g)].map(([, url = '']) => url)
  t.ok(linked.includes('demo/main.js'))
  t.notMatch(page.body, /<style|style=| on\w+=|<script(?! type="module" src="demo)/)

  for (const url of ['/', ...linked.filter((url) => url.startsWith('demo/')).map((url) => `/${url}`)]) {
    const response = await app.inject({ url })
    t.equal(response.statusCode, 200, url)
    const policy = String(response.headers['content-security-policy'])
    t.match(policy, /^default-src 'none'; script-src 'self'; style-src 'self';/)
    t.notMatch(policy, /unsafe|https?:|\*/)
    t.equal(response.headers['cache-control'], 'no-cache')
    const again = await app.inject({ url, headers: { 'if-none-match': String(response.headers.etag) } })
    t.equal(again.statusCode, 304)
    t.notMatch(response.body, /https?:\/\/(?!www\.w3\.org\/2000\/svg)[\w.]+\/\S+\.(js|css|png|woff2?)/)
  }
  t.notOk(linked.some((url) => /^(https?:)?\/\//.test(url)))
})

t.test('a file outside of its folder, or that is not there, is not found', async (t) => {
  const app = await build(t, { DEMO: 'true' })
  for (const url of ['/demo/', '/demo/nothing.js', '/demo/../app.js', '/demo/%2e%2e/app.js'])
    isProblem(t, await app.inject({ url }), 'not_found', url)
})

t.test('under a prefix, its files are found beside it', async (t) => {
  const { env, redis } = await makeStores(t)
  const app = Fastify()
  t.teardown(() => app.close())
  await app.register(latchkey, {
    ...env,
    ...(redisInMemory ? { redisClient: redis.duplicate() } : {}),
    DEMO: true,
    prefix: '/account',
    PUBLIC_URL: 'http://localhost/account'
  })
  t.equal((await app.inject({ url: '/account' })).headers.location, '/account/')
  t.equal((await app.inject({ url: '/account/?x=/' })).statusCode, 200)
  t.equal((await app.inject({ url: '/account/demo/main.js' })).statusCode, 200)
  t.equal(codeOf(await app.inject({ method: 'POST', url: '/account/demo/theft' })), 'refresh_token_missing')
})

t.test('the server has it in development, unless it is told otherwise', async (t) => {
  const stores = await makeStores(t)
  const statusWith = async (env: NodeJS.ProcessEnv) => {
    const server = startServer(t, { env: { ...onStores(stores), ...env } })
    const { status } = await ask('GET', `${await server.ready}/`)
    server.child.kill('SIGTERM')
    const { stdout } = await server.ended
    t.equal(stdout.includes('Open that URL to watch sessions'), status === 200)
    return status
  }
  t.equal(await statusWith({ NODE_ENV: 'development' }), 200)
  t.equal(await statusWith({ NODE_ENV: 'development', DEMO: 'false' }), 404)
  t.equal(await statusWith({ NODE_ENV: 'test' }), 404)
})

t.test(
  'and in production only where it is asked for',
  { skip: redisInMemory && 'needs a real Redis' },
  async (t) => {
    const { env } = await makeStores(t)
    for (const [DEMO, status] of [
      ['', 404],
      ['true', 200]
    ] as const) {
      const node = await startNodeProcess({ ...env, NODE_ENV: 'production', DEMO })
      t.teardown(() => node.close())
      t.equal((await fetch(`${node.url}/`)).status, status)
    }
  }
)
