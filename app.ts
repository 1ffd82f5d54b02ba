import { randomUUID } from 'node:crypto'
import type { FastifyHttpOptions, FastifyPluginAsync, FastifyRequest } from 'fastify'
import type { Server } from 'node:http'
import fp from 'fastify-plugin'
import type { Cluster, Redis } from 'ioredis'
import type { Registry } from 'prom-client'
import { ConfigurationError } from './lib/configuration-error.ts'
import accessTokens from './plugins/access-tokens.ts'
import accounts from './plugins/accounts.ts'
import auditLog from './plugins/audit-log.ts'
import authenticate from './plugins/authenticate.ts'
import automaticRenewal from './plugins/automatic-renewal.ts'
import bodies from './plugins/bodies.ts'
import browserDefence from './plugins/browser-defence.ts'
import confirmPage from './plugins/confirm-page.ts'
import configurationPlugin, { readConfiguration as read } from './plugins/configuration.ts'
import credentials from './plugins/credentials.ts'
import demoPage from './plugins/demo-page.ts'
import emailTokens from './plugins/email-tokens.ts'
import errors from './plugins/errors.ts'
import handlerDeadline from './plugins/handler-deadline.ts'
import housekeeping from './plugins/housekeeping.ts'
import letters from './plugins/letters.ts'
import mailTemplates from './plugins/mail-templates.ts'
import mailTransport from './plugins/mail-transport.ts'
import mails from './plugins/mails.ts'
import metrics from './plugins/metrics.ts'
import migrations from './plugins/migrations.ts'
import loadShedding from './plugins/load-shedding.ts'
import introspection from './plugins/introspection.ts'
import oauthClients from './plugins/oauth-clients.ts'
import openapi from './plugins/openapi.ts'
import passwordPolicy from './plugins/password-policy.ts'
import passwords from './plugins/passwords.ts'
import pendingSignups from './plugins/pending-signups.ts'
import personalData from './plugins/personal-data.ts'
import postgres from './plugins/postgres.ts'
import redisFollowUp from './plugins/redis-follow-up.ts'
import redis from './plugins/redis.ts'
import reauthentication from './plugins/reauthentication.ts'
import readToken from './plugins/read-token.ts'
import requestAuth from './plugins/request-auth.ts'
import refreshTokens from './plugins/refresh-tokens.ts'
import revocationFeed from './plugins/revocation-feed.ts'
import revocationStreams from './plugins/revocation-streams.ts'
import roles from './plugins/roles.ts'
import secretKeys from './plugins/secret-keys.ts'
import securityHeaders from './plugins/security-headers.ts'
import securityEvents from './plugins/security-events.ts'
import sessionJournal from './plugins/session-journal.ts'
import sessionRefresh from './plugins/session-refresh.ts'
import sessionRecords from './plugins/session-records.ts'
import sessionWhitelist from './plugins/session-whitelist.ts'
import sessionTokens from './plugins/session-tokens.ts'
import sessions from './plugins/sessions.ts'
import signingKeyRecords from './plugins/signing-key-records.ts'
import signingKeys from './plugins/signing-keys.ts'
import stepUp from './plugins/step-up.ts'
import throttles from './plugins/throttles.ts'
import tokenRenewal from './plugins/token-renewal.ts'
import transport from './plugins/transport.ts'
import { unreadableRequests } from './plugins/unreadable-requests.ts'
import unknownUsers from './plugins/unknown-users.ts'
import userDirectory from './plugins/user-directory.ts'
import users from './plugins/users.ts'
import validation from './plugins/validation.ts'
import webhooks from './plugins/webhooks.ts'
import adminEvents from './routes/admin/events.ts'
import adminUserSessions from './routes/admin/user-sessions.ts'
import adminUsers from './routes/admin/users.ts'
import email from './routes/auth/email.ts'
import exportRoute from './routes/auth/export.ts'
import login from './routes/auth/login.ts'
import logout from './routes/auth/logout.ts'
import me from './routes/auth/me.ts'
import passwordReset from './routes/auth/password-reset.ts'
import password from './routes/auth/password.ts'
import reauthenticate from './routes/auth/reauthenticate.ts'
import refresh from './routes/auth/refresh.ts'
import renew from './routes/auth/renew.ts'
import sessionRoutes from './routes/auth/sessions.ts'
import signup from './routes/auth/signup.ts'
import verify from './routes/auth/verify.ts'
import verifyEmail from './routes/auth/verify-email.ts'
import demo from './routes/demo.ts'
import devOutbox from './routes/dev-outbox.ts'
import health from './routes/health.ts'
import metricsRoute from './routes/metrics.ts'
import introspect from './routes/oauth/introspect.ts'
import revoke from './routes/oauth/revoke.ts'
import token from './routes/oauth/token.ts'
import revocations from './routes/revocations.ts'
import wellKnown from './routes/well-known.ts'
import type { Configuration, ConfigurationInput } from './schemas/configuration.ts'

// What is exported must lead no compiler to the decorators of the inside: the host app does not have them.
export { ConfigurationError } from './lib/configuration-error.ts'
export type { Authenticate } from './plugins/authenticate.ts'
export type {} from './plugins/request-auth.ts'
export type { Configuration, ConfigurationInput } from './schemas/configuration.ts'
export type { AccessTokenClaims, User } from './schemas/tokens.ts'

export interface LatchkeyOptions extends ConfigurationInput {
  /** Where the routes stand in the host app; `PUBLIC_URL` is the URL of that place. Default: at its root. */
  prefix?: string
  /** An ioredis client to use in place of `REDIS_URL`. Its maker closes it. */
  redisClient?: Redis | Cluster
  /**
   * The registry of prom-client that counts, and that `/metrics` publishes with all that is in it. Default: one
   * of its own, with the figures of the process.
   */
  metricsRegistry?: Registry
}

/**
 * Reads and checks the configuration. Does not look at the process's environment by itself.
 * @param input `process.env`, or an object with the same names
 * @throws ConfigurationError naming each bad value
 */
export const readConfiguration: (input: ConfigurationInput) => Configuration = read

/**
 * The options of Fastify itself that Latchkey is run with: deadlines on slow headers and slow bodies, trusted
 * proxies, and a log without secrets. In ms.
 */
export function serverOptions(configuration: Configuration) {
  return {
    logger: {
      level: configuration.LOG_LEVEL,
      redact: ['req.headers.authorization', 'req.headers.cookie', 'res.headers["set-cookie"]'],
      // Without the query: somebody may have put a token there (RFC 6750 §5.3).
      serializers: {
        req: ({ method, url, host, ip }: FastifyRequest) => ({
          method,
          url: url.replace(/\?.*/s, ''),
          host,
          remoteAddress: ip
        })
      }
    },
    genReqId: () => randomUUID(),
    trustProxy: configuration.TRUST_PROXY.length > 0 ? configuration.TRUST_PROXY : false,
    // A start waits for other instances' migrations, and these may take their time.
    pluginTimeout: 120_000,
    bodyLimit: 16_384,
    connectionTimeout: 30_000,
    requestTimeout: 10_000,
    keepAliveTimeout: 72_000,
    // Node looks every so often whether these have passed: by itself, every 30 s.
    http: { headersTimeout: 10_000, connectionsCheckingInterval: 1000 },
    forceCloseConnections: 'idle',
    // What arrives while we close is answered as ever, with Connection: close.
    return503OnClosing: false,
    ...unreadableRequests(configuration.PUBLIC_URL)
  } satisfies FastifyHttpOptions<Server>
}

/** Everything of Latchkey, in a scope of its own: what it decorates and hooks stays in there. */
const server: FastifyPluginAsync<{
  configuration: Configuration
  redisClient?: Redis | Cluster | undefined
  metricsRegistry?: Registry | undefined
}> = async (fastify, { configuration, redisClient, metricsRegistry }) => {
  await fastify.register(configurationPlugin, { configuration })
  await fastify.register(metrics, { registry: metricsRegistry })
  await fastify.register(errors)
  await fastify.register(loadShedding)
  await fastify.register(handlerDeadline)
  await fastify.register(validation)
  await fastify.register(bodies)
  await fastify.register(securityHeaders)
  await fastify.register(openapi)

  await fastify.register(postgres)
  await fastify.register(migrations)
  await fastify.register(redis, { redisClient })

  await fastify.register(secretKeys)
  await fastify.register(signingKeyRecords)
  await fastify.register(signingKeys)
  await fastify.register(accessTokens)
  await fastify.register(refreshTokens)
  await fastify.register(readToken)

  await fastify.register(passwords)
  await fastify.register(passwordPolicy)
  await fastify.register(users)
  await fastify.register(unknownUsers)
  await fastify.register(userDirectory)
  await fastify.register(sessionWhitelist)
  await fastify.register(sessionRecords)
  await fastify.register(sessionJournal)
  await fastify.register(revocationFeed)
  await fastify.register(revocationStreams)
  await fastify.register(sessionTokens)
  await fastify.register(redisFollowUp)
  await fastify.register(webhooks)
  await fastify.register(securityEvents)
  await fastify.register(throttles)
  await fastify.register(auditLog)
  await fastify.register(mailTemplates)
  await fastify.register(mailTransport)
  await fastify.register(emailTokens)
  await fastify.register(pendingSignups)
  await fastify.register(letters)
  await fastify.register(mails)
  await fastify.register(sessions)
  await fastify.register(accounts)
  await fastify.register(credentials)
  await fastify.register(personalData)
  await fastify.register(reauthentication)
  await fastify.register(sessionRefresh)
  await fastify.register(tokenRenewal)
  await fastify.register(automaticRenewal)
  await fastify.register(introspection)
  await fastify.register(oauthClients)
  await fastify.register(housekeeping)

  await fastify.register(browserDefence)
  await fastify.register(transport)
  await fastify.register(authenticate)
  await fastify.register(roles)
  await fastify.register(stepUp)

  await fastify.register(signup)
  await fastify.register(login)
  await fastify.register(refresh)
  await fastify.register(renew)
  await fastify.register(verify)
  await fastify.register(logout)
  await fastify.register(me)
  await fastify.register(password)
  await fastify.register(reauthenticate)
  await fastify.register(exportRoute)
  await fastify.register(sessionRoutes)
  await fastify.register(verifyEmail)
  await fastify.register(passwordReset)
  await fastify.register(email)
  await fastify.register(adminUsers)
  await fastify.register(adminUserSessions)
  await fastify.register(adminEvents)
  await fastify.register(token)
  await fastify.register(introspect)
  await fastify.register(revoke)
  await fastify.register(wellKnown)
  await fastify.register(revocations)
  await fastify.register(health)
  await fastify.register(metricsRoute)
  await fastify.register(confirmPage)
  await fastify.register(devOutbox)
  await fastify.register(demo)
  await fastify.register(demoPage)
}

/**
 * Latchkey as a Fastify plugin. In the host app it decorates `fastify.authenticate`,
 * `fastify.authenticateStrictly` and `request.auth`, and nothing else.
 * @throws ConfigurationError naming each bad value
 */
export const latchkey = fp<LatchkeyOptions>(
  async (fastify, { prefix = '', redisClient, metricsRegistry, ...input }) => {
    const configuration = readConfiguration(input)
    const missing = [
      ...(configuration.DATABASE_URL ? [] : ['DATABASE_URL is missing']),
      ...(configuration.REDIS_URL || redisClient ? [] : ['REDIS_URL is missing'])
    ]
    if (missing.length > 0) throw new ConfigurationError(missing)

    await fastify.register(requestAuth)
    await fastify.register(
      async (scope) => {
        await scope.register(fp(server), { configuration, redisClient, metricsRegistry })
        fastify.decorate('authenticate', scope.authenticate)
        fastify.decorate('authenticateStrictly', scope.authenticateStrictly)
      },
      { prefix }
    )
  },
  { name: 'latchkey', fastify: '5.x' }
)
