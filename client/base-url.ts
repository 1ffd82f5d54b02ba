import { AuthError } from './auth-error.ts'

const loopback = /^(localhost|.+\.localhost|127\.\d+\.\d+\.\d+|\[::1\])$/

/**
 * What cookies with `SameSite=Strict` stay within (RFC 6265bis §5.2): scheme and registrable domain. Takes the
 * last two labels for that, as the list of public suffixes is no part of this: `a.co.uk` and `b.co.uk` pass.
 */
const siteOf = ({ protocol, hostname }: URL | Location) =>
  protocol + (/^[\d.]+$|^\[/.test(hostname) ? hostname : hostname.split('.').slice(-2).join('.'))

/**
 * @returns the URL without a slash at its end
 * @throws AuthError where there is none, or where the session's cookie can not work with it
 */
export function checkBaseUrl(baseUrl: unknown, crossSite: boolean): string {
  const page = globalThis.location as Location | undefined
  if (typeof baseUrl !== 'string' || !URL.canParse(baseUrl, page?.href)) {
    throw new AuthError(
      'invalid_options',
      `baseUrl has to be the URL of Latchkey, not ${JSON.stringify(baseUrl)}.`
    )
  }
  const url = new URL(baseUrl, page?.href)
  const { protocol, hostname, origin, pathname } = url
  if (protocol !== 'https:' && !(protocol === 'http:' && loopback.test(hostname))) {
    throw new AuthError(
      'insecure_base_url',
      `Browsers keep no Secure cookie of ${origin}. Use https, or http on localhost.`
    )
  }
  if (page && !crossSite && siteOf(page) !== siteOf(url)) {
    throw new AuthError(
      'cross_site_base_url',
      `${page.origin} and ${origin} are two sites, and no browser sends a SameSite=Strict cookie from one to the ` +
        `other. Serve both from one site (localhost and 127.0.0.1 are two), or set COOKIE_SAMESITE=none and ` +
        `ALLOWED_ORIGINS=${page.origin} at the server and pass crossSite: true.`
    )
  }
  return origin + pathname.replace(/\/+$/, '')
}
