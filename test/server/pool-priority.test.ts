import { readdirSync, readFileSync } from 'node:fs'
import t from 'tap'
import { makeStores } from '../helper.ts'
import { onStores, startServer } from './process.ts'

// A start of a process takes its time on a busy machine.
t.setTimeout(120_000)

/** By thread, where threads have one: proc_pid_stat(5), the 17th field after the name. */
function nicenessOfThreads(pid: number): Map<number, number> {
  if (process.platform !== 'linux') return new Map()
  const threads = readdirSync(`/proc/${String(pid)}/task`).map((thread) => {
    const stat = readFileSync(`/proc/${String(pid)}/task/${thread}/stat`, 'utf8')
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    return [Number(thread), Number(fields[16])] as const
  })
  return new Map(threads)
}

for (const size of [undefined, '2']) {
  t.test(`threads that hash give way, ${size ?? 'as many as libuv has'}`, async (t) => {
    const env = { ...onStores(await makeStores(t)), ...(size ? { UV_THREADPOOL_SIZE: size } : {}) }
    const { child, ready } = startServer(t, { env })
    await ready
    const { pid = 0 } = child
    const threads = nicenessOfThreads(pid)
    const own = nicenessOfThreads(process.pid).get(process.pid)
    t.equal(threads.get(pid), own, 'the thread that answers does not')
    const lowered = [...threads.values()].filter((niceness) => niceness !== own)
    t.same(
      lowered,
      Array.from({ length: own === undefined ? 0 : Number(size ?? 4) }, () => Math.min(19, (own ?? 0) + 10))
    )
  })
}
