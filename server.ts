import cluster from 'node:cluster'
import { readFileSync } from 'node:fs'
import { inspect, parseEnv } from 'node:util'
import { ConfigurationError } from './lib/configuration-error.ts'
import { readConfiguration } from './plugins/configuration.ts'
import { tellPrimary } from './process/messages.ts'

/** Each part is loaded by whom it is for: the primary of several workers has no need of the app. */
async function main(): Promise<void> {
  const environment = { ...readFile(), ...process.env }
  const configuration = readConfiguration(environment)
  if (cluster.isPrimary && configuration.WORKERS > 1) {
    const { runPrimary } = await import('./process/primary.ts')
    return runPrimary(configuration)
  }
  // Not that of the primary, which workers inherit: they read the file anew.
  Object.assign(process.env, environment)
  if (cluster.isWorker) {
    const { runWorker } = await import('./process/worker.ts')
    return runWorker(configuration)
  }
  const { runAlone } = await import('./process/alone.ts')
  return runAlone(configuration)
}

/** The settings of the file `.env`, where there is one. Those of the environment win. */
function readFile(): NodeJS.Dict<string> {
  try {
    return parseEnv(readFileSync('.env', 'utf8'))
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return {}
    throw error
  }
}

main().catch(async (error: unknown) => {
  process.exitCode = 1
  if (cluster.isWorker) {
    // The primary says it, once for all.
    await tellPrimary({ type: 'failed', reason: describe(error) })
    process.exit()
  }
  const reason = describe(error)
  process.stderr.write(
    error instanceof ConfigurationError ? `${reason}\n` : `Latchkey could not start: ${reason}\n`
  )
})

/** What went wrong, and why, down to the first cause; the stack is for who develops Latchkey itself. */
function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  if ('code' in error && error.code === 'EADDRINUSE')
    return `${error.message}. Stop what listens there, or set PORT to another port`
  if (process.env['LOG_LEVEL'] === 'debug' || process.env['LOG_LEVEL'] === 'trace') return inspect(error)
  return error.cause instanceof Error ? `${error.message} (${describe(error.cause)})` : error.message
}
