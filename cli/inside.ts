import Fastify, { type FastifyInstance } from 'fastify'
import { latchkey, readConfiguration, type ConfigurationInput } from '../app.ts'
import { startMissingStores, type StandInStores } from '../embedded/missing-stores.ts'
import configurationPlugin from '../plugins/configuration.ts'
import metrics from '../plugins/metrics.ts'
import migrations from '../plugins/migrations.ts'
import oauthClients from '../plugins/oauth-clients.ts'
import postgres from '../plugins/postgres.ts'
import secretKeys from '../plugins/secret-keys.ts'
import signingKeyRecords from '../plugins/signing-key-records.ts'

/**
 * Gives work the stores that the environment names, or the embedded ones: those of the server that runs in
 * this folder, or started for the moment.
 */
export async function withStores<Result>(
  work: (input: ConfigurationInput, stores: StandInStores) => Promise<Result>
): Promise<Result> {
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
  const fastify = Fastify()
  return closing(fastify, async () => {
    await fastify.register(configurationPlugin, { configuration: readConfiguration(input) })
    for (const plugin of [metrics, postgres, migrations, secretKeys, signingKeyRecords, oauthClients])
      await fastify.register(plugin)
    return work(fastify)
  })
}

/** Gives work the whole server, which does not listen. */
export const withServer = <Result>(work: (server: FastifyInstance) => Promise<Result>): Promise<Result> =>
  withStores(async (input, { redisClient }) => {
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
