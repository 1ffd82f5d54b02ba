import Fastify, { type FastifyInstance } from 'fastify'
import { randomUUID } from 'node:crypto'
import type { Test } from 'tap'
import verifier, { type VerifierOptions } from '../../verifier/index.ts'
import { bearer, type App } from '../helper.ts'
import { startProxy, type Proxy } from '../stores/proxy.ts'

/** `PUBLIC_URL`, and so the audience, of the servers under test. */
export const issuer = 'http://localhost:3000'

/** Where an auth server is reached. */
export async function listen(app: FastifyInstance): Promise<string> {
  return app.server.listening ? addressOf(app) : app.listen({ port: 0, host: '127.0.0.1' })
}

function addressOf({ server }: FastifyInstance): string {
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('the server listens on no port')
  return `http://127.0.0.1:${String(address.port)}`
}

/** What cuts a service off from an auth server. */
export async function proxyTo(t: Test, app: FastifyInstance): Promise<{ proxy: Proxy; url: string }> {
  const proxy = await startProxy(Number(new URL(await listen(app)).port))
  t.teardown(() => proxy.close())
  return { proxy, url: `http://127.0.0.1:${String(proxy.port)}` }
}

/** Another service, whose routes ask for the access tokens of an auth server. */
export async function buildService(
  t: Test,
  url: string,
  options: Partial<VerifierOptions> = {}
): Promise<FastifyInstance> {
  const service = Fastify({ genReqId: () => randomUUID() })
  t.teardown(() => service.close())
  await service.register(verifier, { issuer, audience: issuer, url, ...options })
  const { authenticate } = service
  service.get('/notes', { onRequest: authenticate }, async ({ auth }) => ({ owner: auth.sub }))
  service.get('/admin', { onRequest: [authenticate, service.requireRole('admin')] }, async () => 'in')
  service.get('/transfer', { onRequest: [authenticate, service.requireRecentAuth(60)] }, async () => 'in')
  await service.ready()
  return service
}

export const get = (service: FastifyInstance, token: string, url = '/notes') =>
  service.inject({ url, headers: bearer(token) })

export const logOut = (app: App, token: string) =>
  app.inject({ method: 'POST', url: '/auth/logout', headers: bearer(token) })
