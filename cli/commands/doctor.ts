import type { Command } from 'commander'
import { readConfiguration } from '../../app.ts'
import { ConfigurationError } from '../../lib/configuration-error.ts'
import { failed, type Check } from '../checks/check.ts'
import { checkArgon2 } from '../checks/argon2.ts'
import { checkConfiguration } from '../checks/configuration.ts'
import { checkMail } from '../checks/mail.ts'
import { checkPostgres } from '../checks/postgres.ts'
import { checkPublicUrl } from '../checks/public-url.ts'
import { checkRedis } from '../checks/redis.ts'
import { checkSigningKeys } from '../checks/signing-keys.ts'
import { withStores } from '../inside.ts'
import { show } from '../output.ts'

interface Options {
  json?: true
}

async function examine(): Promise<Check[]> {
  try {
    const asSet = readConfiguration(process.env)
    return await withStores(async (input, { redisClient }) => {
      const configuration = readConfiguration(input)
      const [postgres, redis, mail, outside] = await Promise.all([
        checkPostgres(configuration),
        checkRedis(configuration, redisClient),
        checkMail(configuration),
        checkPublicUrl(configuration)
      ])
      const keys = postgres.migrated ? [await checkSigningKeys(input)] : []
      const argon2 = await checkArgon2(configuration)
      return [...checkConfiguration(asSet), ...postgres.checks, ...keys, ...redis, mail, argon2, ...outside]
    })
  } catch (error) {
    if (!(error instanceof ConfigurationError)) throw error
    return error.problems.map((problem) =>
      failed('configuration', problem, 'docs/configuration.md lists every name')
    )
  }
}

function lines({ name, status, found, advice }: Check): string[] {
  const line = `${status.padEnd(8)} ${name}: ${found}`
  return advice === undefined ? [line] : [line, `         → ${advice}`]
}

/** `latchkey doctor` */
export function addDoctor(program: Command): void {
  program
    .command('doctor')
    .description('look at configuration, stores, keys, mail, passwords and cookies, and say what to do')
    .option('--json', 'answer in JSON')
    .addHelpText(
      'after',
      `
Changes nothing. Exit code 1 where something has failed; warnings are no failure.

Examples:
  $ latchkey doctor
  $ PUBLIC_URL=https://auth.example.com latchkey doctor --json`
    )
    .action(async ({ json }: Options) => {
      const checks = await examine()
      const bad = checks.filter(({ status }) => status === 'failed').length
      const doubtful = checks.filter(({ status }) => status === 'warning').length
      const summary =
        bad + doubtful === 0 ? 'All is well.' : `${String(bad)} failed, ${String(doubtful)} to look at.`
      show(json, { ok: bad === 0, checks }, ...checks.flatMap(lines), summary)
      if (bad > 0) process.exitCode = 1
    })
}
