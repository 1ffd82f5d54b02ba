import { once } from 'node:events'
import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { Agent } from 'node:http'
import { until } from '../stores/until.ts'
import { ask, type ServerProcess } from './process.ts'

const words = (file: string, separator: string | RegExp) => readFileSync(file, 'utf8').split(separator)

/** The process ids of the workers that a server has at this moment, ready or not. */
export function workersOf(server: { pid?: number | undefined }): number[] {
  const pid = String(server.pid)
  return words(`/proc/${pid}/task/${pid}/children`, ' ')
    .filter((child) => child !== '')
    .filter((child) =>
      words(`/proc/${child}/environ`, '\0').some((name) => name.startsWith('NODE_UNIQUE_ID='))
    )
    .map(Number)
}

/** The worker that has a connection, by the local port of its other end. */
function workerAt(workers: number[], port: number): number | undefined {
  const remote = `0100007F:${port.toString(16).toUpperCase().padStart(4, '0')}`
  const inodes = words('/proc/net/tcp', '\n')
    .map((line) => line.trim().split(/\s+/))
    .filter((fields) => fields[2] === remote)
    .map((fields) => `socket:[${String(fields[9])}]`)
  return workers.find((worker) =>
    readdirSync(`/proc/${String(worker)}/fd`).some((fd) => {
      try {
        return inodes.includes(readlinkSync(`/proc/${String(worker)}/fd/${fd}`))
      } catch {
        return false
      }
    })
  )
}

/** A kept connection to each worker: `ask` with its agent asks that one. */
export async function connectToEach(server: ServerProcess): Promise<Map<number, Agent>> {
  const url = await server.ready
  const workers = workersOf(server.child)
  const agents = new Map<number, Agent>()
  await until('a connection to each worker', async () => {
    const agent = new Agent({ keepAlive: true, maxSockets: 1 })
    const free = once(agent, 'free') as Promise<[{ localPort: number }]>
    await ask('GET', `${url}/health/live`, { agent })
    const [{ localPort }] = await free
    const worker = workerAt(workers, localPort)
    if (worker === undefined || agents.has(worker)) agent.destroy()
    else agents.set(worker, agent)
    return agents.size === workers.length
  })
  return agents
}
