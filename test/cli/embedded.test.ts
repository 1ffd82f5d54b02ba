// The command line on the embedded stores, before the server that has them runs, and while it does.
import t from 'tap'
import { findRedisServer } from '../../embedded/redis.ts'
import { temporaryFolder, untilNothingRunsIn } from '../embedded/support.ts'
import { password } from '../helper.ts'
import { ask, startServer } from '../server/process.ts'
import { until } from '../stores/until.ts'
import { latchkey } from './command.ts'

const email = 'ada@example.com'
const kinds = findRedisServer() ? ['server', 'memory'] : ['memory']

for (const EMBEDDED_REDIS of kinds) {
  t.test(`Redis in ${EMBEDDED_REDIS}`, async (t) => {
    const folder = temporaryFolder(t)
    const env = { EMBEDDED_REDIS }
    const run = (args: string[], input = '') => latchkey(args, { env, folder, input })

    t.equal((await run(['users', 'create', email], password)).code, 0, 'before the first start')
    await untilNothingRunsIn(folder)

    const server = startServer(t, { env, folder })
    const url = await server.ready
    const body = { email, password }
    const login = await ask('POST', `${url}/auth/login`, { body, headers: { 'x-client': 'native' } })
    t.equal(login.status, 200)
    const { access_token } = JSON.parse(login.body) as { access_token: string }
    const authorization = `Bearer ${access_token}`

    const banned = await run(['users', 'ban', email])
    t.match(banned, { code: 0, stdout: /Sessions ended: 1/, stderr: '' }, 'while it runs')
    await until('the server to hear of it', async () => {
      return (await ask('GET', `${url}/auth/me`, { headers: { authorization } })).status === 401
    })
    t.equal((await ask('POST', `${url}/auth/login`, { body })).status, 401)
    t.equal((await ask('GET', `${url}/health/ready`)).status, 200, 'its stores go on')
  })
}
