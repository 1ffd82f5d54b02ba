// A test process that dies of SIGKILL (a timeout, a lack of memory) runs no hook. Its stores must go all the same.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import t from 'tap'
import { leftovers, type Traces } from './leftovers.ts'
import { until } from './until.ts'

const programs = {
  redis: `
    import { startRedis } from './redis.ts'
    const store = await startRedis()
    store.pause()`,
  postgres: `
    import { startPostgres } from './postgres.ts'
    const store = await startPostgres()
    await store.pause()`
}

for (const [name, program] of Object.entries(programs)) {
  void t.test(`even a paused ${name} goes with its test process`, async (t) => {
    const announce = 'process.stdout.write(JSON.stringify([store.pid, store.port, store.folder]))'
    const child = spawn(
      process.execPath,
      ['--import', 'tsx', '--input-type=module', '--eval', `${program}\n${announce}`],
      { cwd: import.meta.dirname, env: { PATH: process.env['PATH'] }, stdio: ['ignore', 'pipe', 'inherit'] }
    )
    t.teardown(() => child.kill('SIGKILL'))
    const [announcement] = (await once(child.stdout, 'data')) as [Buffer]
    const [pid, port, folder] = JSON.parse(announcement.toString()) as [number, number, string]
    const store: Traces = { pid, port, folder }
    t.equal((await leftovers(store)).length, 3)

    child.kill('SIGKILL')
    await until('the store to be gone', async () => (await leftovers(store)).length === 0)
    t.pass('nothing is left')
  })
}
