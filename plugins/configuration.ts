import { Ajv } from 'ajv'
import { envSchema } from 'env-schema'
import fp from 'fastify-plugin'
import ipaddr from 'ipaddr.js'
import { isIP } from 'node:net'
import { availableParallelism } from 'node:os'
import { ConfigurationError } from '../lib/configuration-error.ts'
import { parseDuration } from '../lib/duration.ts'
import { isWebhookSecret } from '../lib/webhook.ts'
import { Configuration, type ConfigurationInput } from '../schemas/configuration.ts'

declare module 'fastify' {
  interface FastifyInstance {
    configuration: Configuration
  }
}

/** One for all readings: a start reads the configuration twice, and compiling its schema takes a while. */
const ajv = addKeywords(
  new Ajv({
    allErrors: true,
    removeAdditional: true,
    useDefaults: true,
    coerceTypes: true,
    allowUnionTypes: true
  })
)

/**
 * Reads and checks the configuration. Does not look at the process's environment by itself.
 * @param input `process.env`, or an object with the same names
 * @throws ConfigurationError naming each bad value
 */
export function readConfiguration(input: ConfigurationInput): Configuration {
  // An empty variable (`SECRET_KEY=`) is how shells and compose files say "not set".
  const data = Object.fromEntries(
    Object.entries(input).filter(([, value]) => value !== undefined && value !== '')
  )
  let read: Configuration
  try {
    read = envSchema<Configuration>({
      schema: Configuration,
      data,
      env: false,
      ajv
    })
  } catch (error) {
    throw new ConfigurationError(describe(error))
  }
  const issuer = (read.PUBLIC_URL ?? `http://localhost:${String(read.PORT)}`).replace(/\/$/, '')
  const configuration = { ...read, PUBLIC_URL: issuer, AUDIENCE: read.AUDIENCE ?? issuer }
  const problems = contradictions(configuration)
  if (problems.length > 0) throw new ConfigurationError(problems)
  return configuration
}

/** The ranges that Fastify knows by name, for `trustProxy`. */
const namedRanges = ['loopback', 'linklocal', 'uniquelocal']

/** What no single value shows: rules over several values, and what production refuses. */
function contradictions(configuration: Configuration): string[] {
  const problems: string[] = []
  const production = configuration.NODE_ENV === 'production'
  const refuse = (broken: boolean, problem: string) => {
    if (broken) problems.push(problem)
  }

  refuse(
    !isHttpUrl(configuration.PUBLIC_URL),
    'PUBLIC_URL must be an http:// or https:// URL without credentials, query or fragment'
  )
  for (const origin of configuration.ALLOWED_ORIGINS) {
    refuse(
      !isOrigin(origin),
      `ALLOWED_ORIGINS: "${origin}" must be an exact origin such as https://app.example.com (no path, no wildcard, not null)`
    )
  }
  for (const proxy of configuration.TRUST_PROXY) {
    refuse(
      !isProxy(proxy),
      `TRUST_PROXY: "${proxy}" must be an IP address, a range such as 10.0.0.0/8, or one of: ${namedRanges.join(', ')}`
    )
  }
  refuse(
    configuration.DATABASE_URL !== undefined && !/^postgres(ql)?:\/\/./.test(configuration.DATABASE_URL),
    'DATABASE_URL must begin with postgres://'
  )
  refuse(
    configuration.REDIS_URL !== undefined &&
      !/^(rediss?|unix|redis-sentinel|redis-cluster):\/\/./.test(configuration.REDIS_URL),
    'REDIS_URL must begin with redis://, rediss://, unix://, redis-sentinel:// or redis-cluster://'
  )
  refuse(
    configuration.SECRET_KEY.some((secret) => Buffer.byteLength(secret) < 32),
    'SECRET_KEY must be at least 32 bytes, and so must each key of a comma list; make one with: openssl rand -base64 48'
  )
  refuse(
    configuration.SECRET_KEY.length === 0 && (production || configuration.DATABASE_URL !== undefined),
    'SECRET_KEY is missing; make one with: openssl rand -base64 48'
  )
  refuse(
    configuration.COOKIE_SAMESITE === 'none' && configuration.ALLOWED_ORIGINS.length === 0,
    'COOKIE_SAMESITE=none needs ALLOWED_ORIGINS: name the sites that may use the cookie'
  )
  refuse(
    configuration.SIGNING_KEY_ROTATION > 0 && configuration.SIGNING_KEY_ROTATION < 3600,
    'SIGNING_KEY_ROTATION must be 0 or at least 1h'
  )
  refuse(
    configuration.REFRESH_IDLE_TTL > configuration.REFRESH_ABSOLUTE_TTL,
    'REFRESH_IDLE_TTL must not be longer than REFRESH_ABSOLUTE_TTL'
  )
  refuse(
    configuration.REFRESH_OVERLAP >= configuration.REFRESH_IDLE_TTL,
    'REFRESH_OVERLAP must be shorter than REFRESH_IDLE_TTL'
  )
  if (configuration.WEBHOOK_URL !== undefined) {
    refuse(
      !isWebhookUrl(configuration.WEBHOOK_URL, production),
      `WEBHOOK_URL must be an ${production ? '' : 'http:// or '}https:// URL without credentials or fragment`
    )
    refuse(
      configuration.WEBHOOK_SECRET.length === 0,
      'WEBHOOK_SECRET is missing; make one with: echo "whsec_$(openssl rand -base64 32)"'
    )
  }
  refuse(
    !configuration.WEBHOOK_SECRET.every(isWebhookSecret),
    'WEBHOOK_SECRET must be whsec_ and 24 to 64 bytes in Base64; make one with: echo "whsec_$(openssl rand -base64 32)"'
  )
  refuse(
    production && configuration.DATABASE_URL === undefined,
    'DATABASE_URL is missing: NODE_ENV=production refuses the embedded Postgres'
  )
  refuse(
    production && configuration.REDIS_URL === undefined,
    'REDIS_URL is missing: NODE_ENV=production refuses the embedded Redis'
  )
  refuse(
    production && configuration.PUBLIC_URL.startsWith('http://') && !isLocal(configuration.PUBLIC_URL),
    'PUBLIC_URL must be https:// in production: browsers refuse our Secure cookies over plain HTTP'
  )
  refuse(
    configuration.SMTP_URL !== undefined &&
      !(/^smtps?:\/\/[^/]/.test(configuration.SMTP_URL) && URL.canParse(configuration.SMTP_URL)),
    'SMTP_URL must be a URL that begins with smtp:// or smtps://'
  )
  refuse(
    configuration.SMTP_URL !== undefined && configuration.MAIL_FROM === undefined,
    'MAIL_FROM is missing: SMTP_URL needs it'
  )
  refuse(
    configuration.MAIL_LINK_URL !== undefined && !isHttpUrl(configuration.MAIL_LINK_URL),
    'MAIL_LINK_URL must be an http:// or https:// URL without credentials, query or fragment'
  )
  refuse(
    configuration.SIGNUP_CONFIRM &&
      configuration.SMTP_URL === undefined &&
      configuration.NODE_ENV !== 'development',
    'SIGNUP_CONFIRM needs SMTP_URL: nobody could sign up without mail'
  )
  return problems
}

function isHttpUrl(text: string): boolean {
  if (!URL.canParse(text)) return false
  const url = new URL(text)
  return /^https?:$/.test(url.protocol) && !url.search && !url.hash && !url.username && !url.password
}

function isWebhookUrl(text: string, production: boolean): boolean {
  if (!URL.canParse(text)) return false
  const { protocol, username, password, hash } = new URL(text)
  return (production ? /^https:$/ : /^https?:$/).test(protocol) && !username && !password && !hash
}

function isOrigin(text: string): boolean {
  return isHttpUrl(text) && new URL(text).origin === text && !text.includes('*')
}

function isProxy(text: string): boolean {
  return isIP(text) !== 0 || ipaddr.isValidCIDR(text) || namedRanges.includes(text)
}

function isLocal(url: string): boolean {
  return /^(localhost|127\.0\.0\.1|\[::1\])$/.test(new URL(url).hostname)
}

function addKeywords(ajv: Ajv): Ajv {
  ajv.addKeyword({
    keyword: 'duration',
    type: 'string',
    modifying: true,
    error: { message: 'must be seconds or a number with a unit, such as 10s, 15m or 7d, within its bounds' },
    validate: (
      bounds: { minimum: number; maximum: number },
      text: string,
      _schema: unknown,
      place?: { parentData: Record<string, unknown>; parentDataProperty: string | number }
    ) => {
      const seconds = parseDuration(text)
      if (seconds === undefined || seconds < bounds.minimum || seconds > bounds.maximum) return false
      if (place) place.parentData[place.parentDataProperty] = seconds
      return true
    }
  })
  ajv.addKeyword({
    keyword: 'workers',
    type: 'string',
    modifying: true,
    error: { message: 'must be auto or a whole number of processes, at least 1' },
    validate: (
      { maximum }: { maximum: number },
      text: string,
      _schema: unknown,
      place?: { parentData: Record<string, unknown>; parentDataProperty: string | number }
    ) => {
      const count = text === 'auto' ? Math.min(availableParallelism(), maximum) : Number(text)
      if (!Number.isInteger(count) || count < 1 || count > maximum) return false
      if (place) place.parentData[place.parentDataProperty] = count
      return true
    }
  })
  ajv.addKeyword({
    keyword: 'list',
    type: 'string',
    modifying: true,
    validate: (
      _list: boolean,
      text: string,
      _schema: unknown,
      place?: { parentData: Record<string, unknown>; parentDataProperty: string | number }
    ) => {
      const items = text.split(',').map((item) => item.trim())
      if (place) place.parentData[place.parentDataProperty] = items.filter((item) => item !== '')
      return true
    }
  })
  return ajv
}

function describe(error: unknown): string[] {
  if (!(error instanceof Error) || !('errors' in error) || !Array.isArray(error.errors)) throw error
  return (error.errors as { instancePath: string; message?: string; params: Record<string, unknown> }[]).map(
    ({ instancePath, message, params }) => {
      const bounds = Array.isArray(params['allowedValues']) ? `: ${params['allowedValues'].join(', ')}` : ''
      return `${instancePath.slice(1)} ${message ?? 'is not valid'}${bounds}`
    }
  )
}

/** Decorates `fastify.configuration`: read, checked, with defaults; never changed after start. */
export default fp<{ configuration: Configuration }>(
  async (fastify, { configuration }) => {
    fastify.decorate('configuration', Object.freeze(configuration))
  },
  { name: 'configuration' }
)
