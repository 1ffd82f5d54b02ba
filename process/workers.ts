import cluster, { type Worker } from 'node:cluster'
import { setTimeout } from 'node:timers/promises'
import type { Logger } from 'pino'
import { killDelay } from './deadlines.ts'
import type { Listening } from './http-server.ts'
import type { FromPrimary, FromWorker } from './messages.ts'
import { followMetrics } from './workers-metrics.ts'

/** ms: a worker that lives longer does not die of its start, and is replaced at once. */
const steadyAfter = 1000

/** ms between attempts to replace workers that die at once, at most. */
const longestBackoff = 5000

export interface Workers {
  /** All are ready. Rejects where the first one that is heard of could not start: nor would the others. */
  ready: Promise<Listening>
  /** Replaces one after the other, each once its successor is ready. */
  restart(): Promise<void>
  /** @throws where one had to be ended by force */
  close(): Promise<void>
}

interface Member {
  worker: Worker
  ready: Promise<Listening>
  isReady: boolean
  /** Resolves with how. */
  ended: Promise<string>
  /** Told to end, by us. */
  retired: boolean
}

const tell = (worker: Worker, message: FromPrimary) => {
  // One that has just died is heard of by its end.
  worker.send(message, () => undefined)
}

// Workers take connections off the shared socket themselves. One that the primary hands to a worker that dies in
// that moment is answered by nobody, and never closed.
cluster.schedulingPolicy = cluster.SCHED_NONE

/** Starts worker processes, and keeps as many of them as there should be. */
export function startWorkers(count: number, environment: NodeJS.ProcessEnv, log: Logger): Workers {
  const metrics = followMetrics()
  const alive = new Set<Member>()
  const serving = new Set<Member>()
  let closing = false
  let cameUp = false
  let failures = 0

  function fork(): Member {
    const worker = cluster.fork(environment)
    const ended = endOf(worker)
    let reason: string | undefined
    const ready = new Promise<Listening>((resolve, reject) => {
      worker.on('message', (message: FromWorker) => {
        if (message.type === 'failed') reason = message.reason
        if (message.type === 'scrape') void answerScrape(worker, message.id)
        if (message.type !== 'ready') return
        member.isReady = true
        resolve(message)
      })
      void ended.then((how) => {
        alive.delete(member)
        reject(new Error(reason ?? how))
      })
    })
    const member: Member = { worker, ready, isReady: false, ended, retired: false }
    metrics.follow(worker, ended)
    alive.add(member)
    return member
  }

  async function answerScrape(worker: Worker, id: number): Promise<void> {
    const text = await metrics.collect([...serving].map(({ worker }) => worker))
    tell(worker, { type: 'scraped', id, text })
  }

  /** @throws with the reason, where it does not come up */
  async function start(): Promise<{ member: Member; listening: Listening }> {
    const member = fork()
    const listening = await member.ready
    cameUp = true
    serving.add(member)
    const since = performance.now()
    void member.ended.then((how) => {
      serving.delete(member)
      if (closing || member.retired) return
      failures = performance.now() - since > steadyAfter ? 0 : failures + 1
      log.error({ worker: member.worker.process.pid, how }, 'a worker is gone and will be replaced')
      void startAnother()
    })
    return { member, listening }
  }

  /** Until one is ready, or none is wanted any more. Waits longer after each failure, and not as long as others. */
  async function startAnother(): Promise<Listening | undefined> {
    const delay = failures === 0 ? 0 : Math.min(100 * 2 ** (failures - 1), longestBackoff)
    await setTimeout(delay * (0.5 + Math.random() / 2))
    if (closing) return undefined
    try {
      return (await start()).listening
    } catch (error) {
      failures += 1
      if (!closing) log.error({ reason: reasonOf(error) }, 'a worker did not start')
      return startAnother()
    }
  }

  async function startFirst(): Promise<Listening | undefined> {
    try {
      return (await start()).listening
    } catch (error) {
      if (!cameUp || closing) throw error
      log.error({ reason: reasonOf(error) }, 'a worker did not start')
      failures += 1
      return startAnother()
    }
  }

  async function end(member: Member): Promise<string> {
    member.retired = true
    // One that is still starting has nobody to answer.
    if (member.isReady) tell(member.worker, { type: 'close' })
    else member.worker.process.kill('SIGTERM')
    const late = new AbortController()
    void setTimeout(killDelay, undefined, late)
      .then(() => member.worker.process.kill('SIGKILL'))
      .catch(() => undefined)
    const how = await member.ended
    late.abort()
    return how
  }

  const ready = Promise.all(Array.from({ length: count }, startFirst)).then(([listening]) => {
    if (!listening) throw new Error('closed while it started')
    return listening
  })
  // Who closes before does not ask for it.
  ready.catch(() => undefined)

  return {
    ready,
    async restart() {
      await ready
      for (const old of [...serving]) {
        if (closing) return
        try {
          const { member } = await start()
          // One that died meanwhile has been replaced already.
          await end(serving.has(old) ? old : member)
        } catch (error) {
          if (!closing) log.error({ reason: reasonOf(error) }, 'restart given up: a new worker did not start')
          return
        }
      }
      log.info('restarted: every worker is a new one')
    },
    async close() {
      closing = true
      const members = [...alive]
      const hows = await Promise.all(members.map(end))
      const forced = members.findIndex(({ isReady }, index) => isReady && hows[index] !== 'ended with code 0')
      if (forced >= 0) throw new Error(`a worker ${String(hows[forced])}`)
    }
  }
}

/** ms that what an ended worker has said may take to arrive. */
const lastWords = 500

/** How it ended, once all that it has said has been heard. */
async function endOf(worker: Worker): Promise<string> {
  const exit = new Promise<string>((resolve) => {
    worker.once('exit', (code: number | null, signal: string | null) => {
      resolve(signal ? `ended with ${signal}` : `ended with code ${String(code)}`)
    })
    worker.on('error', ({ message }) => {
      if (worker.process.pid === undefined) resolve(`was not started: ${message}`)
    })
  })
  const disconnect = new Promise((resolve) => worker.once('disconnect', resolve))
  const how = await exit
  // Which Node does not always tell of where a process was killed.
  if (worker.process.pid !== undefined)
    await Promise.race([disconnect, setTimeout(lastWords, undefined, { ref: false })])
  return how
}

const reasonOf = (error: unknown) => (error instanceof Error ? error.message : String(error))
