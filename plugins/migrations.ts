import { fileURLToPath } from 'node:url'
import { readdirSync } from 'node:fs'
import type { FastifyInstance } from 'fastify'
import fp from 'fastify-plugin'
import type { ClientBase } from 'pg'

declare module 'fastify' {
  interface FastifyInstance {
    migrations: {
      /** The migrations that this start has run. */
      applied: string[]
    }
  }
}

const folder = fileURLToPath(new URL('../migrations', import.meta.url))

/** The migrations that a database has not seen yet. Changes nothing. */
export async function pendingMigrations(client: Pick<ClientBase, 'query'>): Promise<string[]> {
  const known = readdirSync(folder)
    .filter((name) => name.endsWith('.sql'))
    .map((name) => name.replace(/\.sql$/, ''))
    .sort()
  const { rows } = await client.query<{ known: boolean }>(
    "SELECT to_regclass('latchkey_migrations') IS NOT NULL AS known"
  )
  if (!rows[0]?.known) return known
  const applied = await client.query<{ name: string }>('SELECT name FROM latchkey_migrations')
  const seen = new Set(applied.rows.map(({ name }) => name))
  return known.filter((name) => !seen.has(name))
}

/**
 * Decorates `fastify.migrations`. Brings the schema up to date before anything reads it. Instances that start
 * together wait for each other on an advisory lock, so that each migration runs once.
 */
export default fp(
  async (fastify) => {
    const pending = await pendingMigrations(fastify.pg)
    fastify.decorate('migrations', { applied: pending.length > 0 ? await migrate(fastify) : [] })
  },
  { name: 'migrations', dependencies: ['postgres'] }
)

/** @returns the migrations that this instance has run, which may be fewer than were pending */
async function migrate({ log, configuration }: FastifyInstance): Promise<string[]> {
  // Loaded where there is something to do: most starts find the schema up to date.
  const { runner } = await import('node-pg-migrate')
  const logger = log.child({ subject: 'migrations' })
  const applied = await runner({
    // Its own connection: a migration may take longer than a request's deadline.
    databaseUrl: {
      connectionString: configuration.DATABASE_URL,
      application_name: 'latchkey migrations'
    },
    dir: folder,
    migrationsTable: 'latchkey_migrations',
    direction: 'up',
    advisoryLockMode: 'wait',
    logger: {
      debug: (message) => {
        logger.debug(message)
      },
      info: (message) => {
        logger.debug(message)
      },
      warn: (message) => {
        logger.warn(message)
      },
      error: (message) => {
        logger.error(message)
      }
    }
  })
  const names = applied.map(({ name }) => name)
  if (names.length > 0) logger.info({ applied: names }, 'schema brought up to date')
  return names
}
