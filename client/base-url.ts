import { AuthError } from './auth-error.ts'

const loopback = /^(localhost|.+\.localhost|127\.\d+\.\d+\.\d+|\[::1\])$/

/**
 * What cookies with `SameSite=Strict` stay within (RFC 6265bis §5.2): scheme and registrable domain. Takes the
 * last two labels for that, as the list of public suffixes is no part of this: `a.co.uk` and `b.co.uk` pass.
 */
const siteOf = ({ protocol, hostname }: URL | Location) =>
  protocol + (/^[\d.]+$|^\[/.test(hostname) ? hostname : hostname.split('.').slice(-2).join('.'))

/**
 * @param option that the value was given for
 * @throws AuthError invalid_options where it is no URL, or none of http and https
 */
export function urlOf(option: string, value: unknown): URL {
  const base = globalThis.location?.href
  if (typeof value === 'string' && URL.canParse(value, base)) {
    const url = new URL(value, base)
    if (url.protocol.startsWith('http')) return url
  }
  throw new AuthError('invalid_options', `${option} must be a URL, not ${JSON.stringify(value)}.`)
}

/**
 * @returns the URL without a slash at its end
 * @throws AuthError where there is none, or where the session's cookie can not work with it
 */
export function checkBaseUrl(baseUrl: unknown, crossSite: boolean): string {
  const page = globalThis.location as Location | undefined
  const url = urlOf('baseUrl', baseUrl)
  const { protocol, hostname, origin, pathname } = url
  if (protocol === 'http:' && !loopback.test(hostname)) {
    throw new AuthError(
      'insecure_base_url',
      `Browsers keep no Secure cookie of ${origin}. Use https or localhost.`
    )
  }
  if (page && !crossSite && siteOf(page) !== siteOf(url)) {
    throw new AuthError(
      'cross_site_base_url',
      `${page.origin} and ${origin} are two sites: browsers send no SameSite=Strict cookie. ` +
        `Use one site (localhost and 127.0.0.1 are two), or ` +
        `COOKIE_SAMESITE=none, ALLOWED_ORIGINS=${page.origin} and crossSite: true.`
    )
  }
  return origin + pathname.replace(/\/+$/, '')
}
