import postgres from '@fastify/postgres'
import fp from 'fastify-plugin'
import { ask } from '../lib/store-error.ts'

/**
 * Decorates `fastify.pg`: a pool whose every query has a deadline, so that no request hangs on it.
 * A pool connection that breaks while idle is replaced, not fatal.
 */
export default fp(
  async (fastify) => {
    const { DATABASE_URL, STORE_TIMEOUT } = fastify.configuration
    const deadline = STORE_TIMEOUT * 1000
    // An own `pg`, so that one that the host app has registered is neither used nor in the way.
    fastify.decorate('pg', Object.create(null) as typeof fastify.pg)
    await fastify.register(postgres, {
      connectionString: DATABASE_URL,
      connectionTimeoutMillis: deadline,
      query_timeout: deadline,
      statement_timeout: deadline,
      application_name: 'latchkey',
      keepAlive: true
    })
    // One deadline for getting a connection and an answer, whichever of the two is slow.
    const { query, transact } = fastify.pg as Record<
      'query' | 'transact',
      (...args: unknown[]) => Promise<unknown>
    >
    Object.assign(fastify.pg, {
      query: (...args: unknown[]) => ask('postgres', query(...args), deadline),
      transact: (...args: unknown[]) => ask('postgres', transact(...args))
    })
    fastify.pg.pool.on('connect', (client) => {
      // One that breaks while a transaction holds it: its next query reports it, and nobody else may die of it.
      client.on('error', (error) => {
        fastify.log.debug({ err: error }, 'a connection to Postgres broke')
      })
    })
    const { pool } = fastify.pg
    pool.on('error', ({ message }) => {
      // Not the error itself, which holds the client and all that it knows. While we close, it is no news.
      if (!pool.ending) fastify.log.warn({ reason: message }, 'an idle connection to Postgres broke')
    })
    fastify.metrics.gauge('latchkey_postgres_connections', 'Connections of the pool', () => pool.totalCount)
    fastify.metrics.gauge(
      'latchkey_postgres_idle_connections',
      'Connections of the pool that wait for work',
      () => pool.idleCount
    )
    fastify.metrics.gauge(
      'latchkey_postgres_waiting_queries',
      'Queries that wait for a connection',
      () => pool.waitingCount
    )
  },
  { name: 'postgres', dependencies: ['configuration', 'metrics'] }
)
