import { Type, type Static, type StringOptions } from '@sinclair/typebox'

interface DurationOptions {
  default: string
  /** seconds */
  minimum?: number
  /** seconds */
  maximum?: number
  description: string
}

/** A duration, written in seconds or with a unit (`10s 15m 7d`), read as seconds by the keyword `duration`. */
const Duration = ({ minimum = 0, maximum = 31_536_000, ...options }: DurationOptions) =>
  Type.Unsafe<number>({ type: 'string', duration: { minimum, maximum }, ...options })

/** A list, written with commas. */
const List = (options: StringOptions & { description: string }) =>
  Type.Unsafe<string[]>({ type: 'string', list: true, default: '', ...options })

/** How many processes: a number, or `auto`, read as a number by the keyword `workers`. */
const Workers = (options: { maximum: number; default: string; description: string }) => {
  const { maximum, ...annotations } = options
  return Type.Unsafe<number>({ type: 'string', workers: { maximum }, ...annotations })
}

/** Seconds. What other nodes may have given out, whatever this one is set to. */
export const maximumAccessTokenTtl = 1800

/**
 * Every name that configures the server. `.env.example` and the table in docs/configuration.md are
 * generated from this schema.
 */
export const Configuration = Type.Object({
  NODE_ENV: Type.Unsafe<'development' | 'production' | 'test'>({
    type: 'string',
    enum: ['development', 'production', 'test'],
    default: 'development',
    description: '`production` refuses embedded stores, a missing `SECRET_KEY` and plain-HTTP public URLs'
  }),
  HOST: Type.String({
    default: '127.0.0.1',
    description: 'Address to listen on; the container image sets `0.0.0.0`'
  }),
  PORT: Type.Integer({ default: 3000, minimum: 0, maximum: 65535, description: 'Port to listen on' }),
  WORKERS: Workers({
    default: '1',
    maximum: 256,
    description:
      'Processes that share the port; `auto` is one for each core. More than one need a Redis that they can share'
  }),
  PUBLIC_URL: Type.Optional(
    Type.String({
      description:
        'Where browsers and services reach the server; the issuer of its tokens. Default: `http://localhost:<PORT>`'
    })
  ),
  AUDIENCE: Type.Optional(
    Type.String({ minLength: 1, description: 'Audience of access tokens. Default: the issuer' })
  ),
  DATABASE_URL: Type.Optional(
    Type.String({
      minLength: 1,
      description: 'PostgreSQL 15 or newer. Default: an embedded PostgreSQL in `DATA_DIR`'
    })
  ),
  REDIS_URL: Type.Optional(
    Type.String({
      minLength: 1,
      description:
        '`redis://` `rediss://` `unix://` `redis-sentinel://h1,h2,h3/name` `redis-cluster://h1,h2,h3`. Default: an embedded Redis in `DATA_DIR`'
    })
  ),
  REDIS_PREFIX: Type.String({
    default: 'latchkey:',
    description: 'Prefix of every key and channel in Redis'
  }),
  DATA_DIR: Type.String({
    default: '.data',
    minLength: 1,
    description: 'Folder of the embedded stores and their secret'
  }),
  EMBEDDED_REDIS: Type.Optional(
    Type.Unsafe<'server' | 'memory'>({
      type: 'string',
      enum: ['server', 'memory'],
      description:
        'Kind of the embedded Redis. Default: `server` where `redis-server` or `valkey-server` is installed, else `memory`'
    })
  ),
  SECRET_KEY: List({
    description:
      'At least 32 bytes, from which every key of this server is derived; a comma list while rotating, the first signs. Made and kept in `DATA_DIR` when Postgres is embedded'
  }),
  ALLOWED_ORIGINS: List({
    description: 'Origins of browser apps on other sites, exact (`https://app.example.com`), comma list'
  }),
  TRUST_PROXY: List({ description: 'Addresses or CIDR ranges of the proxies in front, comma list' }),
  ACCESS_TOKEN_TTL: Duration({
    default: '15m',
    minimum: 1,
    maximum: maximumAccessTokenTtl,
    description: 'Life of an access token, at most 30m'
  }),
  SIGNING_KEY_ROTATION: Duration({
    default: '30d',
    description:
      'How long a key signs access tokens before the next one does; `0` is until `latchkey keys rotate`, else at least 1h'
  }),
  REFRESH_IDLE_TTL: Duration({
    default: '7d',
    minimum: 1,
    description: 'A session that is not refreshed for so long ends'
  }),
  REFRESH_ABSOLUTE_TTL: Duration({
    default: '30d',
    minimum: 1,
    description: 'A session ends so long after its login, always'
  }),
  REFRESH_OVERLAP: Duration({
    default: '10s',
    maximum: 300,
    description: 'How long the parent of the newest refresh token is still answered; `0` is strict single use'
  }),
  REFRESH_RATE: Type.Integer({
    default: 30,
    minimum: 0,
    description: 'Rotations of one session a minute; `0` is no limit'
  }),
  REFRESH_MAX_ROTATIONS: Type.Integer({
    default: 0,
    minimum: 0,
    description: 'Rotations of one session, after which it ends; `0` is no limit'
  }),
  REFRESH_STALE_OK: Duration({
    default: '0',
    maximum: 3600,
    description:
      'While Postgres is down, how long a session may go on that its record was last seen good; `0` is not at all'
  }),
  AUTO_RENEW: Type.Boolean({
    default: false,
    description:
      'Answers to access tokens that are about to expire carry a new one in `X-New-Token`, through a gateway too'
  }),
  SINGLE_TOKEN: Type.Boolean({
    default: false,
    description:
      '`POST /auth/renew` trades an access token for a new one, for tools that keep no refresh token'
  }),
  MAX_SESSIONS_PER_USER: Type.Integer({
    default: 20,
    minimum: 1,
    maximum: 1000,
    description: 'Live sessions of a user; signing in again ends the least recently used'
  }),
  SESSIONS_PER_DEVICE_TYPE: Type.Integer({
    default: 0,
    minimum: 0,
    description: 'Live sessions of a user on phones, on tablets and on desktops, each; `0` is no limit'
  }),
  PASSWORD_MIN_LENGTH: Type.Integer({
    default: 15,
    minimum: 8,
    maximum: 64,
    description:
      'Characters of a password; fewer than 15 are for where a second factor is asked for in front of Latchkey'
  }),
  HIBP: Type.String({
    default: 'false',
    pattern: '^(true|false|https?://.+/)$',
    description:
      '`true` refuses passwords known from breaches, asked of Have I Been Pwned by the first five digits of a hash; or the URL of a mirror, ending in `/`'
  }),
  LOGIN_ATTEMPTS: Type.Integer({
    default: 10,
    minimum: 1,
    description:
      'Wrong passwords for one account from one address, on one device that it was signed in on, or in one session, within `LOGIN_WINDOW`'
  }),
  LOGIN_ATTEMPTS_PER_ADDRESS: Type.Integer({
    default: 100,
    minimum: 1,
    description: 'Wrong passwords from one address (of IPv6 a /64), whatever the account'
  }),
  LOGIN_ATTEMPTS_PER_ACCOUNT: Type.Integer({
    default: 100,
    minimum: 1,
    description:
      'Wrong passwords for one account, from wherever; devices that it was signed in on are not counted and not kept out'
  }),
  MAILS_PER_RECIPIENT: Type.Integer({
    default: 5,
    minimum: 1,
    description: 'Mails with a link that may be asked for to one address within `LOGIN_WINDOW`'
  }),
  LOGIN_WINDOW: Duration({
    default: '15m',
    minimum: 1,
    maximum: 86_400,
    description: 'From the first attempt of a count until it begins anew'
  }),
  STEP_UP_MAX_AGE: Duration({
    default: '10m',
    minimum: 1,
    description:
      'How long after a login, or another proof of the password, one may change password and email, delete the account and end other sessions'
  }),
  STORE_TIMEOUT: Duration({
    default: '2s',
    minimum: 0.05,
    maximum: 60,
    description: 'Deadline for a store on the request path'
  }),
  SMTP_URL: Type.Optional(
    Type.String({
      minLength: 1,
      description:
        '`smtp://` (STARTTLS where the server has it, always where the URL has a password) or `smtps://`, the server that sends mails. Default: in development an outbox at `/dev/outbox`, else no mail'
    })
  ),
  MAIL_FROM: Type.Optional(
    Type.String({
      pattern: '^([^<>@\\s]+@[^<>@\\s]+|[^<>@\\u0000-\\u001f]+ <[^<>@\\s]+@[^<>@\\s]+>)$',
      description:
        'Sender of mails: `accounts@example.com` or `Example <accounts@example.com>`. `SMTP_URL` needs it'
    })
  ),
  MAIL_TEMPLATES: Type.Optional(
    Type.String({
      minLength: 1,
      description: 'Folder with mail templates that take the place of those of the same name'
    })
  ),
  MAIL_LINK_URL: Type.Optional(
    Type.String({
      minLength: 1,
      description:
        'Page that links in mails lead to, which gets `#purpose=…&token=…`. Default: the page at `/auth/confirm`'
    })
  ),
  SIGNUP_CONFIRM: Type.Boolean({
    default: false,
    description:
      'An account is made once its address is confirmed; `POST /auth/signup` always answers 202, the same for a taken address'
  }),
  EMAIL_VERIFICATION_TTL: Duration({
    default: '24h',
    minimum: 60,
    maximum: 604_800,
    description: 'Life of the link that confirms an address'
  }),
  PASSWORD_RESET_TTL: Duration({
    default: '30m',
    minimum: 60,
    maximum: 86_400,
    description: 'Life of the link that resets a password'
  }),
  SECURITY_EVENT_RETENTION: Duration({
    default: '90d',
    minimum: 3600,
    description: 'How long security events are kept'
  }),
  WEBHOOK_URL: Type.Optional(
    Type.String({ description: 'Where events of users and sessions are sent; in production `https://`' })
  ),
  WEBHOOK_SECRET: List({
    description:
      '`whsec_` and 24 to 64 bytes in Base64, which signs webhooks; a comma list while rotating, all sign'
  }),
  COOKIE_SAMESITE: Type.Unsafe<'strict' | 'lax' | 'none'>({
    type: 'string',
    enum: ['strict', 'lax', 'none'],
    default: 'strict',
    description: '`SameSite` of the cookies; `none` needs `ALLOWED_ORIGINS`'
  }),
  COOKIE_PARTITIONED: Type.Boolean({
    default: false,
    description: '`Partitioned` cookies (CHIPS), for apps in a frame'
  }),
  DEMO: Type.Optional(
    Type.Boolean({
      description:
        'The demo page at `/`. Default: on where the server runs by itself and `NODE_ENV` is `development`; off in production and inside another app'
    })
  ),
  LOG_LEVEL: Type.Unsafe<'fatal' | 'error' | 'warn' | 'info' | 'debug' | 'trace' | 'silent'>({
    type: 'string',
    enum: ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'],
    default: 'info',
    description: 'How much is logged'
  })
})

export type Configuration = Static<typeof Configuration> & { PUBLIC_URL: string; AUDIENCE: string }

/** What may be given: the environment, or an object with the same names; numbers and booleans are taken too. */
export type ConfigurationInput = { [Name in keyof Configuration]?: string | number | boolean | undefined }
