import Fastify from 'fastify'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { latchkey, readConfiguration, serverOptions, type ConfigurationInput } from '../../app.ts'
import { compiled } from '../compiled.ts'
import { reservePlace } from '../stores/place.ts'
import { until } from '../stores/until.ts'

/** A node of the server, listening on loopback. */
export interface Node {
  readonly url: string
  close(): Promise<void>
}

/** A node that is a process of its own, to be killed and started again under the same address. */
export interface NodeProcess extends Node {
  kill(): Promise<void>
  readonly pid: number | undefined
  /** The end of what it has said since its last start. */
  readonly log: string
  /** Asks it to end (SIGTERM). @returns its exit code */
  terminate(): Promise<number | null>
  start(): Promise<void>
}

/** The route of the host app whose only store is the memory of the node. */
export const hostRoute = '/whoami'

/** A node in this process: the server as production runs it, in a host app with a route of its own. */
export async function startNode(input: ConfigurationInput): Promise<Node> {
  const fastify = Fastify(serverOptions(readConfiguration(input)))
  try {
    await fastify.register(latchkey, input)
    fastify.get(hostRoute, { onRequest: fastify.authenticate }, async ({ auth }) => ({ sub: auth.sub }))
    const url = await fastify.listen({ host: '127.0.0.1', port: 0 })
    return { url, close: () => fastify.close() }
  } catch (error) {
    await fastify.close()
    throw error
  }
}

/** Ends a node that has lost the test process, however that died. */
const guard = 'data:text/javascript,process.on("disconnect", () => process.exit())'

/** A node as `npm start` runs it. Under the same address each time. */
export async function startNodeProcess(input: ConfigurationInput): Promise<NodeProcess> {
  const place = await reservePlace()
  const url = `http://127.0.0.1:${String(place.port)}`
  const env: NodeJS.ProcessEnv = { PATH: process.env['PATH'], PORT: String(place.port) }
  for (const [name, value] of Object.entries(input)) env[name] = String(value)
  const server = compiled('server.ts')

  let pid: number | undefined
  let log = ''
  let end = async (_signal: NodeJS.Signals): Promise<number | null> => null
  const start = async () => {
    const child = spawn(process.execPath, ['--import', guard, server], {
      env,
      stdio: ['ignore', 'pipe', 'pipe', 'ipc']
    })
    ;({ pid } = child)
    log = ''
    for (const output of [child.stdout, child.stderr])
      output?.setEncoding('utf8').on('data', (text: string) => (log = (log + text).slice(-4000)))
    const gone = once(child, 'exit')
    end = async (signal) => {
      child.kill(signal)
      await gone
      return child.exitCode
    }
    const isReady = async () => {
      if (child.exitCode !== null) throw new Error(`it ended with ${String(child.exitCode)}`)
      return (await fetch(`${url}/health/live`)).ok
    }
    await until('the node to answer', isReady, { explain: () => `Its log ends:\n${log}` })
  }
  await start()
  return {
    url,
    get pid() {
      return pid
    },
    get log() {
      return log
    },
    start,
    kill: async () => void (await end('SIGKILL')),
    terminate: () => end('SIGTERM'),
    async close() {
      await end('SIGKILL')
      await place.remove()
    }
  }
}
