import Fastify from 'fastify'
import t from 'tap'
import { ConfigurationError, latchkey, readConfiguration, type ConfigurationInput } from '../../app.ts'
import { secretKey } from '../helper.ts'
import { webhookSecret } from '../receiver.ts'

/** What production asks for, and nothing more. */
const production: ConfigurationInput = {
  NODE_ENV: 'production',
  PUBLIC_URL: 'https://id.example.com',
  DATABASE_URL: 'postgres://latchkey@db.example.com/latchkey',
  REDIS_URL: 'redis://redis.example.com',
  SECRET_KEY: secretKey
}

const problemsOf = (input: ConfigurationInput): string[] => {
  try {
    readConfiguration(input)
    return []
  } catch (error) {
    if (error instanceof ConfigurationError) return error.problems
    throw error
  }
}

t.test('without anything the defaults of the contract hold', async (t) => {
  t.same(readConfiguration({}), {
    NODE_ENV: 'development',
    HOST: '127.0.0.1',
    PORT: 3000,
    WORKERS: 1,
    PUBLIC_URL: 'http://localhost:3000',
    AUDIENCE: 'http://localhost:3000',
    REDIS_PREFIX: 'latchkey:',
    DATA_DIR: '.data',
    SECRET_KEY: [],
    ALLOWED_ORIGINS: [],
    TRUST_PROXY: [],
    ACCESS_TOKEN_TTL: 900,
    REFRESH_IDLE_TTL: 604_800,
    REFRESH_ABSOLUTE_TTL: 2_592_000,
    REFRESH_OVERLAP: 10,
    REFRESH_RATE: 30,
    REFRESH_MAX_ROTATIONS: 0,
    REFRESH_STALE_OK: 0,
    MAX_SESSIONS_PER_USER: 20,
    SESSIONS_PER_DEVICE_TYPE: 0,
    SIGNING_KEY_ROTATION: 2_592_000,
    AUTO_RENEW: false,
    SINGLE_TOKEN: false,
    STORE_TIMEOUT: 2,
    PASSWORD_MIN_LENGTH: 15,
    HIBP: 'false',
    LOGIN_ATTEMPTS: 10,
    LOGIN_ATTEMPTS_PER_ADDRESS: 100,
    LOGIN_ATTEMPTS_PER_ACCOUNT: 100,
    MAILS_PER_RECIPIENT: 5,
    LOGIN_WINDOW: 900,
    STEP_UP_MAX_AGE: 600,
    SIGNUP_CONFIRM: false,
    EMAIL_VERIFICATION_TTL: 86_400,
    PASSWORD_RESET_TTL: 1800,
    SECURITY_EVENT_RETENTION: 7_776_000,
    WEBHOOK_SECRET: [],
    COOKIE_SAMESITE: 'strict',
    COOKIE_PARTITIONED: false,
    LOG_LEVEL: 'info'
  })
})

t.test('the issuer follows the port, and the audience the issuer', async (t) => {
  const read = (input: ConfigurationInput) => {
    const { PUBLIC_URL, AUDIENCE } = readConfiguration(input)
    return [PUBLIC_URL, AUDIENCE]
  }
  t.same(read({ PORT: 8080 }), ['http://localhost:8080', 'http://localhost:8080'])
  t.same(read({ PORT: '8080', PUBLIC_URL: 'https://a.example/' }), ['https://a.example', 'https://a.example'])
  t.same(read({ PUBLIC_URL: 'https://a.example/id/' }), ['https://a.example/id', 'https://a.example/id'])
  t.same(read({ AUDIENCE: 'api' }), ['http://localhost:3000', 'api'])
})

t.test('durations are seconds, or a number with a unit', async (t) => {
  for (const [text, seconds] of [
    ['90', 90],
    [90, 90],
    ['90s', 90],
    ['15m', 900],
    ['1m', 60]
  ] as const) {
    t.equal(readConfiguration({ ACCESS_TOKEN_TTL: text }).ACCESS_TOKEN_TTL, seconds, String(text))
  }
  t.equal(readConfiguration({ REFRESH_IDLE_TTL: '2h' }).REFRESH_IDLE_TTL, 7200)
  t.equal(readConfiguration({ REFRESH_IDLE_TTL: '3d' }).REFRESH_IDLE_TTL, 259_200)
  t.equal(readConfiguration({ STORE_TIMEOUT: '500ms' }).STORE_TIMEOUT, 0.5)
})

t.test('lists are written with commas, and blanks do not count', async (t) => {
  t.same(readConfiguration({ ALLOWED_ORIGINS: ' https://a.example , https://b.example,' }).ALLOWED_ORIGINS, [
    'https://a.example',
    'https://b.example'
  ])
  t.same(readConfiguration({ TRUST_PROXY: '10.0.0.0/8,::1,loopback,fd00::/8' }).TRUST_PROXY, [
    ...['10.0.0.0/8', '::1', 'loopback', 'fd00::/8']
  ])
})

t.test('an empty variable is one that is not set, and others are none of ours', async (t) => {
  t.same(readConfiguration({ SECRET_KEY: '', PORT: '', LOG_LEVEL: '' }), readConfiguration({}))
  t.notOk('PATH' in readConfiguration({ ...process.env, SECRET_KEY: secretKey }))
})

const duration = /must be seconds or a number with a unit/
const refused: [ConfigurationInput, RegExp][] = [
  [
    { NODE_ENV: 'staging' },
    /NODE_ENV must be equal to one of the allowed values: development, production, test/
  ],
  [{ PORT: 'http' }, /PORT must be integer/],
  [{ PORT: '3000.5' }, /PORT must be integer/],
  [{ PORT: '65536' }, /PORT must be <= 65535/],
  [{ PORT: '-1' }, /PORT must be >= 0/],
  [{ PUBLIC_URL: 'id.example.com' }, /PUBLIC_URL must be an http:\/\/ or https:\/\/ URL/],
  [{ PUBLIC_URL: 'ftp://id.example.com' }, /PUBLIC_URL must be/],
  [{ PUBLIC_URL: 'https://id.example.com/?a=1' }, /PUBLIC_URL must be/],
  [{ PUBLIC_URL: 'https://id.example.com/#a' }, /PUBLIC_URL must be/],
  [{ PUBLIC_URL: 'https://user:pass@id.example.com' }, /PUBLIC_URL must be/],
  [
    { DATABASE_URL: 'mysql://localhost', SECRET_KEY: secretKey },
    /DATABASE_URL must begin with postgres:\/\//
  ],
  [{ DATABASE_URL: 'localhost', SECRET_KEY: secretKey }, /DATABASE_URL must begin with postgres:\/\//],
  [{ REDIS_URL: 'localhost:6379' }, /REDIS_URL must begin with redis:\/\//],
  [{ REDIS_URL: 'http://localhost:6379' }, /REDIS_URL must begin with redis:\/\//],
  [
    { EMBEDDED_REDIS: 'cluster' },
    /EMBEDDED_REDIS must be equal to one of the allowed values: server, memory/
  ],
  [{ SECRET_KEY: 'x'.repeat(31) }, /SECRET_KEY must be at least 32 bytes/],
  [{ SECRET_KEY: `${secretKey},short,shorter` }, /SECRET_KEY must be .* each key of a comma list/],
  [{ DATABASE_URL: 'postgres://localhost' }, /SECRET_KEY is missing/],
  ...[
    '*',
    'null',
    'https://*.example.com',
    'https://app.example.com/',
    'https://app.example.com/path',
    'https://app.example.com:443',
    'app.example.com',
    'file://app'
  ].map((origin): [ConfigurationInput, RegExp] => [
    { ALLOWED_ORIGINS: `https://good.example.com,${origin}` },
    /ALLOWED_ORIGINS: "[^"]+" must be an exact origin/
  ]),
  [{ TRUST_PROXY: 'proxy.example.com' }, /TRUST_PROXY: "proxy.example.com" must be an IP address, a range/],
  [{ TRUST_PROXY: '10.0.0.0/33' }, /TRUST_PROXY: "10.0.0.0\/33" must be/],
  [{ TRUST_PROXY: 'true' }, /TRUST_PROXY: "true" must be/],
  ...['', 'x', '-1s', '1.5m', '10 s', '1w', 's', '1e3', '0x10', '99999999999'].map(
    (text): [ConfigurationInput, RegExp] => [{ ACCESS_TOKEN_TTL: text || 'none' }, duration]
  ),
  [{ ACCESS_TOKEN_TTL: '31m' }, /ACCESS_TOKEN_TTL must be .* within its bounds/],
  [{ ACCESS_TOKEN_TTL: '0' }, duration],
  [{ REFRESH_OVERLAP: '301' }, duration],
  [{ REFRESH_STALE_OK: '61m' }, duration],
  [{ STORE_TIMEOUT: '0' }, duration],
  [{ STORE_TIMEOUT: '61s' }, duration],
  [{ REFRESH_IDLE_TTL: '31d' }, /REFRESH_IDLE_TTL must not be longer than REFRESH_ABSOLUTE_TTL/],
  [{ REFRESH_IDLE_TTL: '10s' }, /REFRESH_OVERLAP must be shorter than REFRESH_IDLE_TTL/],
  [{ REFRESH_RATE: '-1' }, /REFRESH_RATE must be >= 0/],
  [{ REFRESH_RATE: 'none' }, /REFRESH_RATE must be integer/],
  [{ REFRESH_MAX_ROTATIONS: '1.5' }, /REFRESH_MAX_ROTATIONS must be integer/],
  [{ MAX_SESSIONS_PER_USER: '0' }, /MAX_SESSIONS_PER_USER must be >= 1/],
  [{ MAX_SESSIONS_PER_USER: '1001' }, /MAX_SESSIONS_PER_USER must be <= 1000/],
  [{ SESSIONS_PER_DEVICE_TYPE: '-1' }, /SESSIONS_PER_DEVICE_TYPE must be >= 0/],
  [
    { COOKIE_SAMESITE: 'Strict' },
    /COOKIE_SAMESITE must be equal to one of the allowed values: strict, lax, none/
  ],
  [{ WEBHOOK_URL: 'https://app.example.com/' }, /WEBHOOK_SECRET is missing/],
  [{ WEBHOOK_SECRET: 'a secret' }, /WEBHOOK_SECRET must be whsec_/],
  [{ WEBHOOK_SECRET: `${webhookSecret},whsec_c2hvcnQ=` }, /WEBHOOK_SECRET must be whsec_/],
  [{ WEBHOOK_URL: 'app.example.com', WEBHOOK_SECRET: webhookSecret }, /WEBHOOK_URL must be an http:/],
  [{ WEBHOOK_URL: 'file:///etc', WEBHOOK_SECRET: webhookSecret }, /WEBHOOK_URL must be/],
  [{ WEBHOOK_URL: 'https://a:b@app.example.com', WEBHOOK_SECRET: webhookSecret }, /WEBHOOK_URL must be/],
  [
    { ...production, WEBHOOK_URL: 'http://app.example.com/', WEBHOOK_SECRET: webhookSecret },
    /WEBHOOK_URL must be an https:\/\/ URL/
  ],
  [{ COOKIE_SAMESITE: 'none' }, /COOKIE_SAMESITE=none needs ALLOWED_ORIGINS/],
  [{ COOKIE_PARTITIONED: 'yes' }, /COOKIE_PARTITIONED must be boolean/],
  [{ SMTP_URL: 'smtp.example.com', MAIL_FROM: 'a@example.com' }, /SMTP_URL must be a URL that begins/],
  [{ SMTP_URL: 'smtp://smtp.example.com' }, /MAIL_FROM is missing/],
  [{ MAIL_FROM: 'Example <example.com>' }, /MAIL_FROM must match pattern/],
  [{ MAIL_FROM: 'Example\r\nBcc: <a@example.com>' }, /MAIL_FROM must match pattern/],
  [{ MAIL_LINK_URL: 'https://app.example.com/#/confirm' }, /MAIL_LINK_URL must be an http/],
  [{ NODE_ENV: 'test', SIGNUP_CONFIRM: 'true' }, /SIGNUP_CONFIRM needs SMTP_URL/],
  [{ PASSWORD_RESET_TTL: '2d' }, duration],
  [{ LOG_LEVEL: 'verbose' }, /LOG_LEVEL must be equal to one of the allowed values: fatal, error/],
  [
    { ...production, DATABASE_URL: undefined },
    /DATABASE_URL is missing: NODE_ENV=production refuses the embedded/
  ],
  [{ ...production, REDIS_URL: undefined }, /REDIS_URL is missing: NODE_ENV=production refuses the embedded/],
  [{ ...production, SECRET_KEY: undefined }, /SECRET_KEY is missing; make one with/],
  [{ ...production, SECRET_KEY: 'short' }, /SECRET_KEY must be at least 32 bytes, .*; make one with/],
  [{ ...production, ALLOWED_ORIGINS: '*' }, /ALLOWED_ORIGINS/],
  [{ ...production, PUBLIC_URL: 'http://id.example.com' }, /PUBLIC_URL must be https:\/\/ in production/]
]

t.test('a bad value is refused by its name and with the reason, and alone', async (t) => {
  for (const [input, problem] of refused) {
    const problems = problemsOf(input)
    t.equal(problems.length, 1, `${JSON.stringify(input)}: ${problems.join('; ')}`)
    t.match(problems[0], problem)
  }
})

t.test('several bad values are told at once', async (t) => {
  const problems = problemsOf({ PORT: 'x', LOG_LEVEL: 'x', ACCESS_TOKEN_TTL: 'x' })
  t.same(problems.map((problem) => problem.split(' ')[0]).sort(), ['ACCESS_TOKEN_TTL', 'LOG_LEVEL', 'PORT'])
})

t.test('a bad secret is named, and not shown', async (t) => {
  t.notMatch(problemsOf({ SECRET_KEY: 'hunter2' }).join(), /hunter2/)
  const url = 'mysql://user:hunter2@localhost'
  t.notMatch(problemsOf({ DATABASE_URL: url, REDIS_URL: url, SECRET_KEY: secretKey }).join(), /hunter2/)
})

t.test('what production asks for is enough, on a plain http:// only for this machine', async (t) => {
  t.same(problemsOf(production), [])
  t.same(problemsOf({ ...production, PUBLIC_URL: 'http://localhost:3000' }), [])
})

t.test('the app refuses to start, before it has connected to anything', async (t) => {
  const start = async (input: ConfigurationInput) => {
    const fastify = Fastify()
    try {
      await fastify.register(latchkey, input)
    } finally {
      await fastify.close()
    }
  }
  for (const input of [{ PORT: 'x' }, { ...production, SECRET_KEY: 'short' }, { SECRET_KEY: secretKey }]) {
    await t.rejects(start(input), ConfigurationError)
  }
  await t.rejects(start({}), /DATABASE_URL is missing\n {2}- REDIS_URL is missing/)
})
