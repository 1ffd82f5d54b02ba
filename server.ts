import closeWithGrace from 'close-with-grace'
import Fastify from 'fastify'
import type { Server } from 'node:http'
import { loadEnvFile } from 'node:process'
import { setTimeout } from 'node:timers/promises'
import { inspect, promisify } from 'node:util'
import { ConfigurationError, latchkey, readConfiguration, serverOptions, type Configuration } from './app.ts'
import { startMissingStores } from './embedded/missing-stores.ts'

/** ms that requests in flight have after a signal, the draining of connections included. */
const closeDelay = 9000

/** ms that clients have to learn, by the answer to their next request, that their connection is closed. */
const drainDelay = 1000

async function main(): Promise<void> {
  const configuration = readConfiguration(process.env)
  const stores = await startMissingStores(configuration)
  const fastify = Fastify(serverOptions(configuration))
  fastify.addHook('preClose', () => drain(fastify.server))
  const close = async () => {
    await fastify.close()
    await stores.close()
  }

  // Not at the end of a start that failed, which would then pass for a success.
  const skip = ['beforeExit' as const]
  closeWithGrace({ delay: closeDelay, logger: false, skip }, async ({ signal, err }) => {
    if (err) fastify.log.fatal({ err }, 'closing after an error that nobody caught')
    else fastify.log.info({ signal }, 'closing: requests in flight are answered first')
    await close()
  })

  try {
    await fastify.register(latchkey, {
      ...process.env,
      DEMO: configuration.DEMO ?? configuration.NODE_ENV === 'development',
      ...stores.input,
      ...(stores.redisClient ? { redisClient: stores.redisClient } : {})
    })
    await fastify.listen({ host: configuration.HOST, port: configuration.PORT })
  } catch (error) {
    await close()
    throw error
  }
  const address = fastify.server.address()
  const port = typeof address === 'object' && address ? address.port : configuration.PORT
  if (configuration.NODE_ENV !== 'production') {
    const hasDemo = fastify.hasRoute({ method: 'GET', url: '/' })
    say(banner(configuration, port, stores.description, hasDemo))
  }
}

/**
 * Until nobody is connected, or has had the time to be told. Connections that are closed while they idle
 * would be cut under a request that is already on its way.
 */
async function drain(server: Server): Promise<void> {
  const connections = promisify(server.getConnections.bind(server))
  const deadline = performance.now() + drainDelay
  while (performance.now() < deadline && (await connections()) > 0) await setTimeout(20)
}

function banner(configuration: Configuration, port: number, description: string[], hasDemo: boolean): string {
  const url = configuration.PUBLIC_URL.replace(/:0$/, `:${String(port)}`)
  return [
    '',
    `Latchkey is ready:  ${url}   (API at ${url}/docs, Ctrl-C to stop)`,
    ...description.map((line) => `  ${line}`),
    hasDemo ? 'Open that URL to watch sessions in the browser, or try it here:' : 'Try it:',
    `  curl -c cookies.txt -H 'content-type: application/json' -d '{"email":"ada@example.com","password":"correct horse battery"}' ${url}/auth/signup`,
    `  curl -c cookies.txt -b cookies.txt -X POST ${url}/auth/refresh`,
    ''
  ].join('\n')
}

function say(text: string): void {
  process.stdout.write(`${text}\n`)
}

try {
  // Names of the environment win over those of the file.
  loadEnvFile()
} catch (error) {
  if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error
}

main().catch((error: unknown) => {
  process.stderr.write(
    error instanceof ConfigurationError
      ? `${error.message}\n`
      : `Latchkey could not start: ${describe(error)}\n`
  )
  process.exitCode = 1
})

/** What went wrong, and why, down to the first cause; the stack is for who develops Latchkey itself. */
function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  if ('code' in error && error.code === 'EADDRINUSE')
    return `${error.message}. Stop what listens there, or set PORT to another port`
  if (process.env['LOG_LEVEL'] === 'debug' || process.env['LOG_LEVEL'] === 'trace') return inspect(error)
  return error.cause instanceof Error ? `${error.message} (${describe(error.cause)})` : error.message
}
