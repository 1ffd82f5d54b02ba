import type { Configuration } from '../../schemas/configuration.ts'
import { ok, warning, type Check } from './check.ts'

/** What is allowed and may still not be what was meant. A value that is not allowed never gets here. */
export function checkConfiguration(configuration: Configuration): Check[] {
  const { NODE_ENV, DATABASE_URL, SECRET_KEY, PUBLIC_URL, TRUST_PROXY } = configuration
  const checks = [ok('configuration', 'every value is valid')]
  if (NODE_ENV !== 'production' && DATABASE_URL !== undefined) {
    checks.push(
      warning('environment', `NODE_ENV is ${NODE_ENV}`, 'Set NODE_ENV=production where real people log in')
    )
  }
  if (SECRET_KEY.length > 1) {
    checks.push(
      warning(
        'secret key',
        `SECRET_KEY lists ${String(SECRET_KEY.length)} keys`,
        'Leave the old one out once REFRESH_IDLE_TTL has passed since the new one became the first (docs/keys.md)'
      )
    )
  }
  if (PUBLIC_URL.startsWith('https:') && TRUST_PROXY.length === 0) {
    checks.push(
      warning(
        'proxy',
        'TRUST_PROXY is empty, and something in front speaks HTTPS for this server',
        'Name its address in TRUST_PROXY: else session lists and security events show the proxy in place of the people'
      )
    )
  }
  return checks
}
