import type { Configuration } from '../../schemas/configuration.ts'
import { failed, ok, warning, type Check } from './check.ts'

/** ms */
const timeout = 5000

const start = 'Start the server, or look at DNS, the proxy and PUBLIC_URL'
const isLocal = (hostname: string) => /^(localhost|127\.0\.0\.1|\[::1\])$/.test(hostname)

/** The end that two hosts have in common, in labels. Under two they are never of one site. */
function sharedLabels(one: string, other: string): number {
  const [left, right] = [one.split('.').reverse(), other.split('.').reverse()]
  const differing = left.findIndex((label, index) => label !== right[index])
  return differing === -1 ? left.length : differing
}

/** Whether the cookies that the server sets arrive as it sets them, and are sent by the apps that need them. */
async function checkCookies(url: URL, { ALLOWED_ORIGINS, COOKIE_SAMESITE }: Configuration): Promise<Check> {
  const name = 'cookies'
  if (url.protocol !== 'https:' && !isLocal(url.hostname)) {
    const advice =
      'Put HTTPS in front and set PUBLIC_URL=https://…: browsers refuse our Secure cookies over HTTP'
    return failed(name, 'PUBLIC_URL is plain HTTP', advice)
  }
  // A logout without a session changes nothing, and clears the cookie as it would be set.
  const response = await fetch(`${url.href.replace(/\/$/, '')}/auth/logout`, {
    method: 'POST',
    redirect: 'manual',
    signal: AbortSignal.timeout(timeout)
  })
  const cookie = response.headers.getSetCookie().find((text) => text.startsWith('__Host-refresh_token='))
  const wrong = ['Secure', 'HttpOnly', 'Path=/'].filter(
    (attribute) => !cookie?.split(/; */).some((part) => part.toLowerCase() === attribute.toLowerCase())
  )
  // RFC 6265bis §4.1.3.2: with a Domain browsers throw it away.
  if (!cookie || wrong.length > 0 || /; *domain=/i.test(cookie)) {
    const advice =
      'Let the proxy pass Set-Cookie on as it is, with no cookie domain, path or flags of its own'
    return failed(name, cookie ? 'their attributes are changed on the way' : 'they do not arrive', advice)
  }
  const foreign = ALLOWED_ORIGINS.filter((origin) => sharedLabels(new URL(origin).hostname, url.hostname) < 2)
  const away = foreign.filter((origin) => new URL(origin).hostname !== url.hostname)
  if (COOKIE_SAMESITE !== 'none' && away.length > 0) {
    const advice = 'Set COOKIE_SAMESITE=none, or serve app and server under one domain'
    return warning(
      name,
      `${away.join(', ')}: another site, to which SameSite=${COOKIE_SAMESITE} sends no cookie`,
      advice
    )
  }
  return ok(name, cookie.replace(/^[^;]*; */, '').replace(/Max-Age=[^;]*; *|Expires=[^;]*; */gi, ''))
}

/** The server as browsers see it, at PUBLIC_URL. */
export async function checkPublicUrl(configuration: Configuration): Promise<Check[]> {
  const url = new URL(configuration.PUBLIC_URL)
  const name = 'public URL'
  const look = async (path: string) =>
    fetch(`${configuration.PUBLIC_URL}${path}`, { redirect: 'manual', signal: AbortSignal.timeout(timeout) })
  try {
    const response = await look('/health/live')
    const location = response.headers.get('location')
    if (location !== null) {
      const advice = `Set PUBLIC_URL to where people end up: it is the issuer of every token`
      return [failed(name, `${url.href} sends people on to ${location}`, advice)]
    }
    const metadata = (await (await look('/.well-known/oauth-authorization-server')).json()) as {
      issuer?: string
    }
    if (!response.ok || metadata.issuer === undefined)
      return [failed(name, `what answers at ${url.href} is not a Latchkey`, start)]
    if (metadata.issuer !== configuration.PUBLIC_URL) {
      const advice = 'Give every instance, and this command, the same PUBLIC_URL'
      return [failed(name, `the server at ${url.href} has the PUBLIC_URL ${metadata.issuer}`, advice)]
    }
    return [ok(name, url.href), await checkCookies(url, configuration)]
  } catch (error) {
    const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error
    const reason =
      cause instanceof Error ? cause.message || ('code' in cause ? String(cause.code) : cause.name) : ''
    return [warning(name, `${url.href} does not answer (${reason})`, start)]
  }
}
