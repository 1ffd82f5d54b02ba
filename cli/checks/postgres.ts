import Fastify from 'fastify'
import configurationPlugin from '../../plugins/configuration.ts'
import metrics from '../../plugins/metrics.ts'
import { pendingMigrations } from '../../plugins/migrations.ts'
import postgres from '../../plugins/postgres.ts'
import type { Configuration } from '../../schemas/configuration.ts'
import { reasonOf } from '../describe-error.ts'
import { clock, failed, ok, type Check } from './check.ts'

const oldest = 15

/** @returns what was seen, and whether the tables are there and up to date */
export async function checkPostgres(
  configuration: Configuration
): Promise<{ checks: Check[]; migrated: boolean }> {
  const fastify = Fastify()
  try {
    await fastify.register(configurationPlugin, { configuration })
    await fastify.register(metrics)
    await fastify.register(postgres)
    await fastify.ready()
    const { pg } = fastify
    // The first query makes the connection, and would count as the way.
    const { rows: versions } = await pg.query<{ number: string; text: string }>(
      "SELECT current_setting('server_version_num') AS number, current_setting('server_version') AS text"
    )
    const [{ number, text } = { number: '0', text: 'unknown' }] = versions
    const askedAt = Date.now()
    const { rows: times } = await pg.query<{ now: Date }>('SELECT clock_timestamp() AS now')
    const middle = (askedAt + Date.now()) / 2
    const pending = await pendingMigrations(pg.pool)
    return {
      migrated: pending.length === 0,
      checks: [
        Number(number) >= oldest * 10_000
          ? ok('Postgres', `version ${text}`)
          : failed('Postgres', `version ${text}`, `Use PostgreSQL ${String(oldest)} or newer`),
        clock('clock of Postgres', (times[0]?.now.getTime() ?? 0) - middle),
        pending.length === 0
          ? ok('migrations', 'the tables are up to date')
          : failed(
              'migrations',
              `not applied yet: ${pending.join(', ')}`,
              'Run: latchkey migrate (or start the server, which does the same)'
            )
      ]
    }
  } catch (error) {
    const advice = 'Is DATABASE_URL right, does the server run, and may this machine reach it?'
    return { migrated: false, checks: [failed('Postgres', `does not answer (${reasonOf(error)})`, advice)] }
  } finally {
    await fastify.close()
  }
}
