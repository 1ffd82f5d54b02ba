import Fastify, { type FastifyBaseLogger } from 'fastify'
import { once } from 'node:events'
import {
  ServerResponse,
  type IncomingMessage,
  type OutgoingHttpHeader,
  type OutgoingHttpHeaders,
  type Server
} from 'node:http'
import { Server as TcpServer } from 'node:net'
import { setImmediate, setTimeout } from 'node:timers/promises'
import { promisify } from 'node:util'
import { latchkey, serverOptions, type Configuration, type LatchkeyOptions } from '../app.ts'
import { argon2Build } from '../argon2/index.ts'
import { drainDelay } from './deadlines.ts'
import { lowerPoolPriority } from './pool-priority.ts'

/** What there is to say of a server that listens. */
export interface Listening {
  port: number
  /** The build that is in use. */
  argon2: string
  hasDemo: boolean
}

export interface HttpServer {
  log: FastifyBaseLogger
  /** @throws where it can not start; close it then too */
  start(): Promise<Listening>
  /** Answers the requests in flight, and writes what is to be written. */
  close(): Promise<void>
}

/**
 * Latchkey as this process serves it.
 * @param options.given what the environment of the process does not say
 * @param options.sharesPort whether others go on taking connections at the port once this one closes
 */
export function makeHttpServer(
  configuration: Configuration,
  { given, sharesPort }: { given: LatchkeyOptions; sharesPort: boolean }
): HttpServer {
  const options = serverOptions(configuration)
  let closing = false
  const fastify = Fastify({
    ...options,
    http: { ...options.http, ServerResponse: lastOfItsConnection(() => closing) }
  })
  const { server } = fastify
  fastify.addHook('preClose', () => {
    closing = true
    return sharesPort ? leavePort(server) : drain(server)
  })
  return {
    log: fastify.log,
    async start() {
      await fastify.register(latchkey, {
        ...process.env,
        DEMO: configuration.DEMO ?? configuration.NODE_ENV === 'development',
        ...given
      })
      const yielding = await lowerPoolPriority()
      await fastify.listen({ host: configuration.HOST, port: configuration.PORT })
      fastify.log.info({ threads_at_low_priority: yielding }, `argon2: ${argon2Build}`)
      const address = server.address()
      return {
        port: typeof address === 'object' && address ? address.port : configuration.PORT,
        argon2: argon2Build,
        hasDemo: fastify.hasRoute({ method: 'GET', url: '/' })
      }
    },
    close: () => fastify.close()
  }
}

/**
 * A ServerResponse that says `Connection: close` on every answer given while the server closes (RFC 9112 §9.6).
 * Fastify says so only to requests that arrive after the close began: whoever had asked before would ask again over
 * a connection that is about to be cut. What a client has pipelined behind such a request stays without an answer,
 * and has to be asked again (§9.3.2).
 */
function lastOfItsConnection(isClosing: () => boolean) {
  type Headers = OutgoingHttpHeaders | OutgoingHttpHeader[]
  return class<Asked extends IncomingMessage> extends ServerResponse<Asked> {
    override writeHead(status: number, reason?: string | Headers, headers?: Headers): this {
      if (isClosing()) this.setHeader('Connection', 'close')
      return typeof reason === 'string'
        ? super.writeHead(status, reason, headers)
        : super.writeHead(status, reason ?? headers)
    }
  }
}

/** Takes no connection any more, as others do, and ends those that there are. */
async function leavePort(server: Server): Promise<void> {
  const closed = once(server, 'close')
  // Of HTTP, it would cut the connections that idle at this moment: see drain.
  TcpServer.prototype.close.call(server)
  await drain(server)
  server.closeIdleConnections()
  await closed
}

/**
 * Until nobody is connected, or has had the time to be told. Connections that are closed while they idle
 * would be cut under a request that is already on its way.
 */
async function drain(server: Server): Promise<void> {
  const connections = promisify(server.getConnections.bind(server))
  const deadline = performance.now() + drainDelay
  while (performance.now() < deadline && (await connections()) > 0) await setTimeout(20)
  // Where that time went by while this process stood still, what came meanwhile is still to be read.
  await setImmediate()
}
