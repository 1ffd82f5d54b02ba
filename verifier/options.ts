import { ConfigurationError } from '../lib/configuration-error.ts'
import type { ClientCredentials } from './introspection.ts'
import type { VerifierStatus } from './verifier.ts'

export interface VerifierOptions {
  /** `PUBLIC_URL` of the auth server. */
  issuer: string
  /** `AUDIENCE` of the auth server; where that is not set, the issuer. */
  audience: string
  /** Where this service reaches the auth server. Default: the issuer. */
  url?: string | undefined
  /** How revocations are heard of: within 100 ms as server-sent events (the default), or within 5 s by polling. */
  revocations?: 'events' | 'poll' | undefined
  /** Lets `/oauth/introspect` stand in where keys or revocations can not be had. */
  introspection?: ClientCredentials | undefined
  /** Called as the auth server comes and goes. */
  onStatus?: ((status: VerifierStatus) => void) | undefined
}

/** @throws ConfigurationError naming each bad option */
export function checkOptions(given: VerifierOptions) {
  // What is not written in TypeScript is not checked by it.
  const {
    issuer,
    audience,
    url,
    revocations = 'events',
    introspection,
    onStatus
  }: Partial<VerifierOptions> = given
  const problems: string[] = []
  const refuse = (broken: boolean, problem: string) => {
    if (broken) problems.push(problem)
  }
  refuse(
    !isHttpUrl(issuer),
    'issuer must be the PUBLIC_URL of the auth server, such as https://auth.example.com'
  )
  refuse(!audience, 'audience must be the AUDIENCE of the auth server; where that is not set, the issuer')
  refuse(url !== undefined && !isHttpUrl(url), 'url must be an http:// or https:// URL')
  refuse(!['events', 'poll'].includes(revocations), 'revocations must be "events" or "poll"')
  refuse(
    introspection !== undefined && (!introspection.client_id || !introspection.client_secret),
    'introspection needs client_id and client_secret'
  )
  if (problems.length > 0 || !issuer || !audience)
    throw new ConfigurationError(problems, 'The options of the verifier are not valid')
  return {
    issuer: withoutSlash(issuer),
    audience,
    url: withoutSlash(url ?? issuer),
    revocations,
    introspection,
    onStatus: onStatus ?? (() => undefined)
  }
}

const isHttpUrl = (text: string | undefined) =>
  text !== undefined && URL.canParse(text) && /^https?:$/.test(new URL(text).protocol)

const withoutSlash = (url: string) => url.replace(/\/$/, '')
