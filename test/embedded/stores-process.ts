import childProcess from 'node:child_process'
import { syncBuiltinESMExports } from 'node:module'
import { Redis } from 'ioredis'
import type { startEmbeddedStores } from '../../embedded/index.ts'
import { query, type StoresProcessOptions } from './support.ts'

const [room = '', options = ''] = process.argv.slice(2)
const { then = 'wait', ...storesOptions } = JSON.parse(options) as StoresProcessOptions
const embedded = (await import(room)) as { startEmbeddedStores: typeof startEmbeddedStores }

if (then === 'die') {
  const { spawn } = childProcess
  const andDie = (...of: Parameters<typeof spawn>) => {
    const server = spawn(...of)
    process.kill(process.pid, 'SIGKILL')
    return server
  }
  Object.assign(childProcess, { spawn: andDie })
  syncBuiltinESMExports()
}

const say = (value: unknown) => process.stdout.write(`${JSON.stringify(value)}\n`)

const stores = await embedded.startEmbeddedStores(storesOptions)
// As the server does at Ctrl-C: requests in flight are answered first, and they need both stores. It listens
// before it says that it is there: whoever reads that may send the signal at once.
process.once('SIGINT', () => {
  void answerAndClose()
})
say(stores)
if (then === 'throw') throw new Error('Nobody catches this')
const waiting = setInterval(() => undefined, 60_000)

async function answerAndClose(): Promise<void> {
  const rows = await query(stores, 'select 1')
  const redis = new Redis({ path: stores.redisUrl?.slice('unix://'.length) ?? '' })
  say({ rows, redis: await redis.ping() })
  redis.disconnect()
  await stores.close()
  clearInterval(waiting)
}
