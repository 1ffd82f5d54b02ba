import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { text } from 'node:stream/consumers'
import t from 'tap'
import { startCluster } from '../stores/cluster.ts'
import { startPostgres } from '../stores/postgres.ts'
import { settings } from './traffic.ts'

const program = fileURLToPath(new URL('closing-app.ts', import.meta.url))

t.test('an app that is closed while it reads the slots of a Cluster ends by itself', async (t) => {
  const cluster = await startCluster()
  t.teardown(() => cluster.close())
  const postgres = await startPostgres()
  t.teardown(() => postgres.close())
  const child = spawn(process.execPath, ['--import=tsx', program], {
    env: { ...settings, REFRESH_RATE: '0', DATABASE_URL: postgres.url, REDIS_URL: cluster.url },
    stdio: ['ignore', 'pipe', 'inherit'],
    timeout: 120_000
  })
  const [said] = await Promise.all([text(child.stdout), once(child, 'exit')])
  t.equal(said, 'closed\n')
  t.same([child.exitCode, child.signalCode], [0, null], 'not killed')
})
