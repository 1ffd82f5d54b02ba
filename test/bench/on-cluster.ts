// npm run bench:cluster -- [scenario…] [options of npm run bench]
// The bench on a Redis Cluster, which is started for it on this machine: three masters with a replica each.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { startCluster } from '../stores/cluster.ts'

const bench = fileURLToPath(new URL('../../bench/bench.ts', import.meta.url))
const cluster = await startCluster()
// Ctrl-C reaches the bench too, which ends in good order; then we do.
process.on('SIGINT', () => undefined)
try {
  const child = spawn(
    process.execPath,
    ['--import', import.meta.resolve('tsx'), bench, ...process.argv.slice(2)],
    {
      env: { ...process.env, REDIS_URL: cluster.url },
      stdio: 'inherit'
    }
  )
  const [status] = (await once(child, 'exit')) as [number | null]
  process.exitCode = status ?? 1
} finally {
  await cluster.close()
}
