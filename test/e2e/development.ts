import type { Test } from 'tap'
import type { ConfigurationInput } from '../../app.ts'
import { makeStores, startNode } from '../helper.ts'
import { reservePlace } from '../stores/place.ts'

/** A server as in development: mails stay in its outbox, and their links lead to it. */
export async function startDevelopment(t: Test, env: ConfigurationInput = {}) {
  const place = await reservePlace()
  t.teardown(() => place.remove())
  const url = `http://localhost:${String(place.port)}`
  const app = await startNode(await makeStores(t), { NODE_ENV: 'development', PUBLIC_URL: url, ...env })
  t.teardown(() => app.close())
  await app.listen({ host: '127.0.0.1', port: place.port })
  return { app, url }
}
