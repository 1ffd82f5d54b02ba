import { ConfigurationError } from '../../lib/configuration-error.ts'
import { readConfiguration } from '../../plugins/configuration.ts'
import { withStores } from '../inside.ts'
import { checkArgon2 } from './argon2.ts'
import { failed, type Check } from './check.ts'
import { checkConfiguration } from './configuration.ts'
import { checkMail } from './mail.ts'
import { checkPostgres } from './postgres.ts'
import { checkPublicUrl } from './public-url.ts'
import { checkRedis } from './redis.ts'
import { checkSigningKeys } from './signing-keys.ts'

/** Every check, on the stores that the environment names. A wrong configuration is what was found, no error. */
export async function examine(): Promise<Check[]> {
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
