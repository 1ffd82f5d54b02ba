import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import pidusage from 'pidusage'

export interface Usage {
  /** ms of CPU time, user and system */
  cpu: number
  /** MB that were resident at most, as far as looks every 200 ms saw */
  peakRss: number
  /** MB that were resident at the beginning */
  firstRss: number
}

/** Watches a server and the workers that it has, from now until `stop`. */
export async function watchUsage(pid: number): Promise<{ stop: () => Promise<Usage> }> {
  const pids = await processesOf(pid)
  const look = async () => {
    const all = Object.values(await pidusage(pids))
    return {
      cpu: all.reduce((sum, { ctime }) => sum + ctime, 0),
      rss: all.reduce((sum, { memory }) => sum + memory, 0) / 2 ** 20
    }
  }
  const first = await look()
  let peakRss = first.rss
  const seen = ({ rss }: { rss: number }) => {
    peakRss = Math.max(peakRss, rss)
  }
  // A look at a server that is gone: that it is gone shows in its answers.
  const timer = setInterval(() => void look().then(seen, () => undefined), 200)
  return {
    async stop() {
      clearInterval(timer)
      const last = await look()
      seen(last)
      return { cpu: last.cpu - first.cpu, peakRss, firstRss: first.rss }
    }
  }
}

async function processesOf(pid: number): Promise<number[]> {
  // 1 says that there are none.
  const { stdout } = await promisify(execFile)('pgrep', ['-P', String(pid)]).catch((error: unknown) => {
    if (error instanceof Error && 'code' in error && error.code === 1) return { stdout: '' }
    throw error
  })
  return [pid, ...stdout.split('\n').filter(Boolean).map(Number)]
}
