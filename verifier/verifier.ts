import { decodeJwt, jwtVerify, type JWTPayload } from 'jose'
import { LRUCache } from 'lru-cache'
import {
  accessTokenInvalid,
  accessTokenMissing,
  accessTokenRenewed,
  sessionRevoked
} from '../lib/access-token-refusal.ts'
import { areAccessTokenClaims } from '../lib/access-token-claims.ts'
import { bearerToken } from '../lib/bearer.ts'
import { isCompactEs256 } from '../lib/compact-jws.ts'
import { digest } from '../lib/digest.ts'
import { Problem, problemDocument, problemMediaType } from '../lib/problem.ts'
import { revocationFingerprint } from '../lib/revocation-log.ts'
import type { AccessTokenClaims } from '../schemas/tokens.ts'
import { createIntrospection } from './introspection.ts'
import { createKeys } from './keys.ts'
import { checkOptions, type VerifierOptions } from './options.ts'
import { createRevocations } from './revocations.ts'
import type { SourceStatus } from './source.ts'

export interface VerifierStatus {
  /**
   * `ok`; `stale`: the auth server does not answer, and what is known of keys and revocations goes on being
   * used; `unavailable`: it has not answered yet, so that no token can be checked.
   */
  state: 'ok' | 'stale' | 'unavailable'
  keys: SourceStatus
  revocations: SourceStatus & { remembered: number }
}

/** What an HTTP server answers with. */
export interface RefusalAnswer {
  status: number
  headers: Record<string, string>
  body: string
}

export interface Verifier {
  /**
   * Checks an access token: signature, `typ`, issuer, audience, expiry, and whether its session is known to have
   * ended (RFC 9068 §4, RFC 8725 §3). Asks nobody, unless introspection stands in. Does NOT check roles.
   * @throws Problem access_token_invalid, session_revoked; temporarily_unavailable where the auth server has not
   *   been reached yet
   */
  verify(token: string): Promise<AccessTokenClaims>
  /**
   * The same for the header `Authorization`.
   * @throws Problem access_token_missing besides
   */
  authenticate(authorization: string | undefined): Promise<AccessTokenClaims>
  /** The answer that a problem is: RFC 9457, with the challenge of RFC 6750. */
  answer(problem: Problem, request_id?: string): RefusalAnswer
  /** Resolves once keys and revocations are there, or could not be had at the first try. */
  ready(): Promise<void>
  /** Ends the connections to the auth server. Until then they keep the process alive. */
  close(): void
  readonly status: VerifierStatus
}

/** Verified signatures that are remembered. */
const cacheSize = 10_000

interface Verified {
  claims: AccessTokenClaims
  kid: string
  /** Fingerprints, by which revocations name them. */
  session: string
  token: string
  key: string
}

const requiredClaims = ['iss', 'aud', 'sub', 'exp', 'iat', 'jti', 'sid']

/**
 * Checks access tokens of a Latchkey server in another service.
 * @throws ConfigurationError naming each bad option
 */
export function createVerifier(options: VerifierOptions): Verifier {
  const {
    issuer,
    audience,
    url,
    revocations: by,
    introspection: credentials,
    onStatus
  } = checkOptions(options)
  let reported: VerifierStatus['state'] | undefined

  const onChange = () => {
    const { status } = verifier
    const starting = status.state === 'unavailable' && !status.keys.error && !status.revocations.error
    if (starting || status.state === reported) return
    reported = status.state
    onStatus(status)
  }
  const keys = createKeys(url, onChange)
  const revocations = createRevocations(url, by, onChange)
  const introspection = credentials && createIntrospection(url, credentials)
  // By their digest: no token stays in memory. What has expired is not looked at, and goes in its time.
  const verified = new LRUCache<string, Verified>({ max: cacheSize })

  // RFC 8725 §3.1, §3.8, §3.9, §3.11: one algorithm, the issuer, our audience, the type.
  const rules = { issuer, audience, algorithms: ['ES256'], typ: 'at+jwt', requiredClaims }

  const check = async (token: string): Promise<Verified> => {
    const key = digest(token)
    const remembered = verified.get(key)
    if (remembered && remembered.claims.exp > Date.now() / 1000 && keys.has(remembered.kid)) return remembered
    if (!isCompactEs256(token)) throw accessTokenInvalid(new Error('no compact ES256 JWS'))
    const { payload, protectedHeader } = await jwtVerify(token, keys.find, rules).catch((cause: unknown) => {
      throw keys.status.updated_at === null ? unavailable(cause) : accessTokenInvalid(cause)
    })
    const entry = toVerified(payload, protectedHeader.kid ?? '')
    verified.set(key, entry)
    return entry
  }

  /** Of a token whose signature can not be checked here, because the keys could not be had yet. */
  const checkElsewhere = async (token: string, problem: unknown) => {
    if (!(problem instanceof Problem) || problem.code !== 'temporarily_unavailable') throw problem
    const active = await introspection?.isActive(token)
    if (active === undefined) throw problem
    if (!active) throw accessTokenInvalid(new Error('introspection calls it inactive'))
    const claims = decodeJwt(token)
    if (claims.iss !== issuer || claims.aud !== audience)
      throw accessTokenInvalid(new Error('of another issuer or for another audience'))
    return toVerified(claims, '')
  }

  const verify = async (token: string) => {
    const entry = await check(token).catch((problem: unknown) => checkElsewhere(token, problem))
    if (revocations.has(entry.session)) throw sessionRevoked()
    if (revocations.has(entry.token)) throw accessTokenRenewed()
    if (revocations.has(entry.key)) throw accessTokenInvalid(new Error('the key was revoked'))
    const { updated_at, error } = revocations.status
    if (updated_at === null || error !== null) {
      const active = await introspection?.isActive(token)
      if (active === false) throw accessTokenInvalid(new Error('introspection calls it inactive'))
      // Deny by default: as long as nothing is known of revocations, nobody can be let in.
      if (active === undefined && updated_at === null) throw unavailable(undefined)
    }
    return entry.claims
  }

  const verifier: Verifier = {
    verify,
    async authenticate(authorization) {
      const token = bearerToken(authorization)
      if (token === undefined) throw accessTokenMissing()
      return verify(token)
    },
    answer: (problem, request_id) => ({
      status: problem.statusCode,
      headers: {
        ...problem.headers,
        ...(problem.retryAfter === undefined ? {} : { 'retry-after': String(problem.retryAfter) }),
        'content-type': problemMediaType,
        'cache-control': 'no-store'
      },
      body: JSON.stringify(problemDocument(problem, issuer, request_id))
    }),
    async ready() {
      await started
    },
    close() {
      keys.close()
      revocations.close()
    },
    get status() {
      return {
        state: stateOf(keys.status, revocations.status),
        keys: keys.status,
        revocations: { ...revocations.status, remembered: revocations.size }
      }
    }
  }
  const started = Promise.all([keys.fetch(), revocations.start()])
  return verifier
}

function stateOf(...sources: SourceStatus[]): VerifierStatus['state'] {
  if (sources.some(({ updated_at }) => updated_at === null)) return 'unavailable'
  return sources.some(({ error }) => error !== null) ? 'stale' : 'ok'
}

function toVerified(claims: JWTPayload, kid: string): Verified {
  if (!areAccessTokenClaims(claims)) throw accessTokenInvalid(new Error('not the claims of an access token'))
  // They are given out again and again.
  for (const value of [claims, ...Object.values(claims)]) Object.freeze(value)
  return {
    claims,
    kid,
    session: revocationFingerprint(claims.sid),
    token: revocationFingerprint(claims.jti),
    key: revocationFingerprint(kid)
  }
}

const unavailable = (cause: unknown) =>
  new Problem('temporarily_unavailable', 'The auth server could not be reached yet. Try again.', {
    retryAfter: 1,
    cause
  })
