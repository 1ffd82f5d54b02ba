import type { FastifyInstance } from 'fastify'
import type { ConfigurationInput } from '../app.ts'
import type { StandInStores } from '../embedded/missing-stores.ts'

// What a command works on is loaded when it runs: help and errors of usage come without.

/**
 * Gives work the stores that the environment names, or the embedded ones: those of the server that runs in
 * this folder, or started for the moment.
 */
export async function withStores<Result>(
  work: (input: ConfigurationInput, stores: StandInStores) => Promise<Result>
): Promise<Result> {
  const { startMissingStores } = await import('../embedded/missing-stores.ts')
  const { readConfiguration } = await import('../plugins/configuration.ts')
  const stores = await startMissingStores(readConfiguration(process.env), true)
  try {
    return await work({ ...process.env, ...stores.input }, stores)
  } finally {
    await stores.close()
  }
}

async function closing<Result>(fastify: FastifyInstance, work: () => Promise<Result>): Promise<Result> {
  try {
    return await work()
  } finally {
    await fastify.close()
  }
}

/** Gives work what needs Postgres only: migrations, signing keys, OAuth clients. No key is read at its start. */
export const withRecords = <Result>(work: (fastify: FastifyInstance) => Promise<Result>): Promise<Result> =>
  withStores((input) => withRecordsOf(input, work))

/** The same, on stores that are there already. */
export async function withRecordsOf<Result>(
  input: ConfigurationInput,
  work: (fastify: FastifyInstance) => Promise<Result>
): Promise<Result> {
  const { default: Fastify } = await import('fastify')
  const { default: configurationPlugin, readConfiguration } = await import('../plugins/configuration.ts')
  const fastify = Fastify()
  return closing(fastify, async () => {
    await fastify.register(configurationPlugin, { configuration: readConfiguration(input) })
    await fastify.register(import('../plugins/metrics.ts'))
    await fastify.register(import('../plugins/postgres.ts'))
    await fastify.register(import('../plugins/migrations.ts'))
    await fastify.register(import('../plugins/secret-keys.ts'))
    await fastify.register(import('../plugins/signing-key-records.ts'))
    await fastify.register(import('../plugins/oauth-clients.ts'))
    return work(fastify)
  })
}

/** Gives work the whole server, which does not listen. */
export const withServer = <Result>(work: (server: FastifyInstance) => Promise<Result>): Promise<Result> =>
  withStores(async (input, { redisClient }) => {
    const { default: Fastify } = await import('fastify')
    const { latchkey } = await import('../app.ts')
    const fastify = Fastify()
    const scopes: FastifyInstance[] = []
    fastify.addHook('onRegister', (scope) => void scopes.push(scope))
    return closing(fastify, async () => {
      await fastify.register(latchkey, { ...input, ...(redisClient ? { redisClient } : {}) })
      await fastify.ready()
      // Where all of it is; docs/adr/0007-a-scope-of-its-own.md.
      const [server] = scopes
      if (!server) throw new Error('latchkey has registered no scope')
      return work(server)
    })
  })
