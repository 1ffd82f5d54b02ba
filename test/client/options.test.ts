// What can't work is refused when the client is made, with the reason.
import t, { type Test } from 'tap'
import { createAuthClient, type AuthClientOptions } from '../../client/index.ts'

/** The client is made on a page with this URL. */
function onPage(t: Test, href: string) {
  Object.defineProperty(globalThis, 'location', { value: new URL(href), configurable: true })
  t.teardown(() => Reflect.deleteProperty(globalThis, 'location'))
}

const refusal = (options: unknown): unknown => {
  try {
    createAuthClient(options as AuthClientOptions)
    return undefined
  } catch (error) {
    return error
  }
}

t.test('no base URL, or none', async (t) => {
  for (const options of [
    undefined,
    {},
    { baseUrl: '' },
    { baseUrl: 'auth.example.com' },
    { baseUrl: 7 },
    { baseUrl: 'ftp://x' }
  ]) {
    t.match(refusal(options), {
      name: 'AuthError',
      code: 'invalid_options',
      action: 'none',
      message: /^baseUrl must be a URL, not /
    })
  }
  t.match(
    refusal({ baseUrl: '/account' }),
    { message: 'baseUrl must be a URL, not "/account".' },
    'relative to what'
  )
})

t.test('other options', async (t) => {
  const baseUrl = 'https://auth.example.com'
  for (const timeout of [0, -1, NaN]) {
    t.match(refusal({ baseUrl, timeout }), {
      code: 'invalid_options',
      message: 'timeout must be above 0 ms.'
    })
  }
  t.match(refusal({ baseUrl, tokenOrigins: ['*'] }), {
    code: 'invalid_options',
    message: 'tokenOrigins must be a URL, not "*".'
  })
  t.equal(refusal({ baseUrl, tokenOrigins: ['https://api.example.com'], timeout: 1 }), undefined)
})

t.test('plain http, but on this machine', async (t) => {
  for (const baseUrl of [
    'http://auth.example.com',
    'http://192.168.0.7:3000',
    'http://localhost.example.com'
  ]) {
    const { origin } = new URL(baseUrl)
    t.match(refusal({ baseUrl }), {
      code: 'insecure_base_url',
      message: `Browsers keep no Secure cookie of ${origin}. Use https or localhost.`
    })
  }
  for (const baseUrl of [
    'http://localhost:3000',
    'http://127.0.0.1:3000/account/',
    'http://[::1]',
    'http://app.localhost'
  ]) {
    t.equal(refusal({ baseUrl }), undefined, baseUrl)
  }
})

t.test('where the cookie would cross to another site', async (t) => {
  const page = (href: string, baseUrls: [string, works: boolean][]) =>
    t.test(href, async (t) => {
      onPage(t, href)
      for (const [baseUrl, works] of baseUrls) {
        const expected = works ? undefined : { code: 'cross_site_base_url' }
        if (works) t.equal(refusal({ baseUrl }), expected, baseUrl)
        else t.match(refusal({ baseUrl }), expected ?? {}, baseUrl)
      }
    })
  await page('https://app.example.com/login', [
    ['/account', true],
    ['https://app.example.com', true],
    ['https://auth.example.com:8443', true],
    ['https://example.com', true],
    ['https://auth.example.org', false],
    ['https://example.com.evil.net', false]
  ])
  await page('http://localhost:5173/', [
    ['http://localhost:3000', true],
    ['http://127.0.0.1:3000', false],
    ['https://localhost:3000', false]
  ])
  await page('https://10.0.0.1/', [
    ['https://10.0.0.1:8443', true],
    ['https://11.0.0.1', false]
  ])
  await page('file:///tmp/index.html', [['https://auth.example.com', false]])
})

t.test('the refusal says why and what to do, and it may be overruled', async (t) => {
  onPage(t, 'https://app.example.com/')
  const baseUrl = 'https://latchkey.example.net'
  t.match(refusal({ baseUrl }), {
    message:
      'https://app.example.com and https://latchkey.example.net are two sites: browsers send no SameSite=Strict ' +
      'cookie. Use one site (localhost and 127.0.0.1 are two), or COOKIE_SAMESITE=none, ' +
      'ALLOWED_ORIGINS=https://app.example.com and crossSite: true.'
  })
  t.equal(refusal({ baseUrl, crossSite: true }), undefined)
})

t.test('a server that can not be reached from another origin may not have it on its list', async (t) => {
  onPage(t, 'http://localhost:5173/')
  const client = createAuthClient({ baseUrl: 'http://localhost:9', timeout: 2000 })
  t.teardown(client.close)
  await t.rejects(client.login({ email: 'ada@example.com', password: 'correct horse battery' }), {
    code: 'network_error',
    message: 'http://localhost:9 can not be reached, or has no http://localhost:5173 in ALLOWED_ORIGINS.'
  })
})

t.test('to make a client does nothing: it may be done where pages are rendered', async (t) => {
  const before = process.getActiveResourcesInfo().length
  createAuthClient({ baseUrl: 'https://auth.example.com' })
  t.equal(process.getActiveResourcesInfo().length, before)
})
