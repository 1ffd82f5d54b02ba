import { fileURLToPath } from 'node:url'
import fp from 'fastify-plugin'
import { runner } from 'node-pg-migrate'

/**
 * Brings the schema up to date before anything reads it. Instances that start together wait for each
 * other on an advisory lock, so that each migration runs once.
 */
export default fp(
  async (fastify) => {
    const log = fastify.log.child({ subject: 'migrations' })
    const applied = await runner({
      // Its own connection: a migration may take longer than a request's deadline.
      databaseUrl: {
        connectionString: fastify.configuration.DATABASE_URL,
        application_name: 'latchkey migrations'
      },
      dir: fileURLToPath(new URL('../migrations', import.meta.url)),
      migrationsTable: 'latchkey_migrations',
      direction: 'up',
      advisoryLockMode: 'wait',
      logger: {
        debug: (message) => {
          log.debug(message)
        },
        info: (message) => {
          log.debug(message)
        },
        warn: (message) => {
          log.warn(message)
        },
        error: (message) => {
          log.error(message)
        }
      }
    })
    if (applied.length > 0)
      log.info({ applied: applied.map(({ name }) => name) }, 'schema brought up to date')
  },
  { name: 'migrations', dependencies: ['postgres'] }
)
