// Signing keys change while a service is running.
import { setImmediate } from 'node:timers/promises'
import t from 'tap'
import type { FastifyInstance } from 'fastify'
import { build, codeOf, refresh, signUp, tokensOf, type App } from '../helper.ts'
import { agedBy, kidOf, lead } from '../signing-keys.ts'
import { until } from '../stores/until.ts'
import { buildService, get, listen } from './service.ts'

t.test('rotated under load: not one request fails', async (t) => {
  const app = await build(t, { REFRESH_RATE: 0 })
  const service = await buildService(t, await listen(app))
  const statuses = new Map<number, number>()
  const seen = new Set<string>()
  let running = true

  /** Somebody who uses the service all the time, and refreshes now and then. */
  const person = async () => {
    let { access_token, refresh_token } = await signUp(app)
    while (running) {
      for (let request = 0; request < 10; request++) {
        const { statusCode } = await get(service, access_token)
        // An answer from memory lets nothing else have its turn.
        await setImmediate()
        statuses.set(statusCode, (statuses.get(statusCode) ?? 0) + 1)
      }
      ;({ access_token, refresh_token } = tokensOf(await refresh(app, refresh_token)))
      seen.add(kidOf(access_token))
    }
  }
  const people = Promise.all(Array.from({ length: 10 }, person))

  for (let rotation = 1; rotation <= 3; rotation++) {
    await until('tokens of this key', async () => seen.size === rotation)
    await app.scope.signingKeyRecords.rotate()
    await app.scope.signingKeys.reload()
    await agedBy(app.stores, lead)
    await app.scope.signingKeys.reload()
  }
  await until('tokens of the last key', async () => seen.size === 4)
  running = false
  await people
  t.same([...statuses.keys()], [200])
  t.comment(`${String(statuses.get(200))} requests, ${String(seen.size)} keys`)
})

/** Waits until a service refuses a token. @returns the code */
const refusal = (service: FastifyInstance, token: string, within: number) =>
  until(
    'it to be refused',
    async () => {
      const response = await get(service, token)
      return response.statusCode === 401 && codeOf(response)
    },
    { within }
  )

async function revokeCurrent(app: App): Promise<void> {
  await app.scope.signingKeyRecords.revoke([app.scope.signingKeys.current.kid])
  await app.scope.signingKeys.reload()
}

t.test(
  'a key that is revoked: its tokens are refused within 5 s, those of the next one are taken',
  async (t) => {
    for (const revocations of ['events', 'poll'] as const) {
      const app = await build(t)
      const service = await buildService(t, await listen(app), { revocations })
      const session = await signUp(app)
      t.equal((await get(service, session.access_token)).statusCode, 200)
      await revokeCurrent(app)
      t.equal(await refusal(service, session.access_token, 5000), 'access_token_invalid', revocations)
      const { access_token } = tokensOf(await refresh(app, session.refresh_token))
      await until('the next key', async () => (await get(service, access_token)).statusCode === 200, {
        within: 6000
      })
    }
  }
)
