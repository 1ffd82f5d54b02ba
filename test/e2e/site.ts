import Fastify, { type FastifyInstance } from 'fastify'
import { build as bundle } from 'esbuild'
import { fileURLToPath } from 'node:url'
import type { Test } from 'tap'
import { latchkey, readConfiguration, serverOptions, type ConfigurationInput } from '../../app.ts'
import { bundleClient } from '../../scripts/client-bundle.ts'
import { makeStores, type Stores } from '../helper.ts'
import { reservePlace } from '../stores/place.ts'
import { startProxy, type Proxy } from '../stores/proxy.ts'

export interface Site {
  url: string
  stores: Stores
  /** Between the browser and the server. */
  proxy: Proxy
  /** Closes the server, and starts another one in its place. */
  restart(): Promise<void>
  stop(): Promise<void>
  start(): Promise<void>
  /** How many refreshes the server was asked for. */
  refreshes(): number
  /** Head of the whitelist entry. */
  head(session_id: string): Promise<number>
  /** Head as the record has it, at most a second late. */
  journaled(session_id: string): Promise<number>
  /** Whether the answer that carried the head has not left the server yet. */
  unanswered(session_id: string): Promise<boolean>
  /** The sessions in the record, and why they ended. */
  sessions(): Promise<{ id: string; revoked_reason: string | null }[]>
}

const html = `<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8" />
    <title>loading</title>
    <link rel="icon" href="data:," />
    <script type="module" src="/page.js"></script>
  </head>
  <body></body>
</html>`

const csp = "default-src 'none'; script-src 'self'; connect-src 'self'; img-src data:"

/** test/e2e/page.ts, which imports the SDK from where the site has it. */
async function bundlePage(): Promise<string> {
  const { outputFiles } = await bundle({
    entryPoints: [fileURLToPath(new URL('page.ts', import.meta.url))],
    bundle: true,
    format: 'esm',
    write: false,
    plugins: [
      {
        name: 'the built SDK',
        setup(build) {
          build.onResolve({ filter: /client\/index\.ts$/ }, () => ({ path: '/client.js', external: true }))
        }
      }
    ]
  })
  return outputFiles[0]?.text ?? ''
}

/** An app with Latchkey in it and one page, on stores of the test, behind a proxy that may lose answers. */
export async function startSite(t: Test, env: ConfigurationInput = {}): Promise<Site> {
  const stores = await makeStores(t)
  const place = await reservePlace()
  const proxy = await startProxy(place.port)
  const url = `http://localhost:${String(proxy.port)}`
  const input = { ...stores.env, PUBLIC_URL: url, REFRESH_RATE: 0, ...env }
  const { code } = await bundleClient()
  const files = { '/page.js': await bundlePage(), '/client.js': Buffer.from(code) }
  let asked = 0

  const start = async () => {
    const fastify = Fastify(serverOptions(readConfiguration(input)))
    fastify.addHook('onRequest', async (request) => {
      if (request.url === '/auth/refresh') asked += 1
    })
    fastify.get('/', (_request, reply) =>
      reply.type('text/html').header('content-security-policy', csp).send(html)
    )
    for (const [path, content] of Object.entries(files)) {
      fastify.get(path, (_request, reply) => reply.type('text/javascript').send(content))
    }
    await fastify.register(latchkey, input)
    fastify.get('/api/me', { onRequest: fastify.authenticate }, async ({ auth }) => ({ sub: auth.sub }))
    fastify.post('/api/echo', { onRequest: fastify.authenticate }, async ({ body }) => ({ body }))
    await fastify.listen({ port: place.port, host: '127.0.0.1' })
    return fastify
  }
  let fastify: FastifyInstance | undefined = await start()
  const site: Site = {
    url,
    stores,
    proxy,
    async stop() {
      await fastify?.close()
      fastify = undefined
    },
    async start() {
      fastify = await start()
    },
    async restart() {
      await site.stop()
      await site.start()
    },
    refreshes: () => asked,
    head: async (session_id) => Number(await stores.redis.hget(stores.key(session_id), 'gen')),
    async journaled(session_id) {
      const { rows } = await stores.pool.query<{ gen: number }>('SELECT gen FROM sessions WHERE id = $1', [
        session_id
      ])
      return Number(rows[0]?.gen)
    },
    unanswered: async (session_id) =>
      (await stores.redis.hget(stores.key(session_id), 'unanswered')) !== null,
    async sessions() {
      const { rows } = await stores.pool.query<{ id: string; revoked_reason: string | null }>(
        'SELECT id, revoked_reason FROM sessions ORDER BY created_at'
      )
      return rows
    }
  }
  t.teardown(async () => {
    await proxy.close()
    await site.stop()
    await place.remove()
  })
  return site
}
