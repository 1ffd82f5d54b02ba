import { Type, type Static, type TSchema } from '@sinclair/typebox'
import { Client } from './common.ts'

export const formType = 'application/x-www-form-urlencoded'

// RFC 6749 §3.2: unknown parameters are ignored, those that are sent twice (here: a list) are refused, and
// those without a value are as if left out.
const Parameter = Type.Optional(Type.String({ maxLength: 8192 }))
const Token = Type.String({ minLength: 1, maxLength: 8192 })
const client = { client_id: Parameter, client_secret: Parameter }

/** RFC 6749 §6 */
export const OauthTokenBody = Type.Object({
  grant_type: Type.String({ minLength: 1, description: '`refresh_token`' }),
  refresh_token: Parameter,
  scope: Parameter,
  ...client
})

/** RFC 6749 §5.1 */
export const OauthTokenAnswer = Type.Object({
  access_token: Type.String(),
  token_type: Type.Literal('Bearer'),
  expires_in: Type.Integer({ description: 'seconds' }),
  refresh_token: Type.String()
})

/** RFC 7662 §2.1, RFC 7009 §2.1: a hint is not needed to tell our tokens apart. */
export const OauthTokenReference = Type.Object({ token: Token, token_type_hint: Parameter, ...client })

/** RFC 7009 §2.2: the status says it all. */
export const Empty = Type.Literal('', { description: 'Done' })

/** RFC 7662 §2.2. A token that is not good shows nothing but that. */
export const Introspection = Type.Object({
  active: Type.Boolean(),
  token_use: Type.Optional(Type.Union([Type.Literal('access_token'), Type.Literal('refresh_token')])),
  token_type: Type.Optional(Type.Literal('Bearer', { description: 'of access tokens only' })),
  iss: Type.Optional(Type.String()),
  sub: Type.Optional(Type.String({ description: 'id of the user' })),
  aud: Type.Optional(Type.String()),
  iat: Type.Optional(Type.Integer()),
  exp: Type.Optional(Type.Integer()),
  jti: Type.Optional(Type.String()),
  client_id: Type.Optional(Client),
  sid: Type.Optional(Type.String({ description: 'id of the session' })),
  role: Type.Optional(Type.String({ description: 'of the user, as of now' })),
  email_verified: Type.Optional(Type.Boolean()),
  auth_time: Type.Optional(Type.Integer()),
  amr: Type.Optional(Type.Array(Type.String()))
})
export type Introspection = Static<typeof Introspection>

const OauthError = Type.Object({
  error: Type.String(),
  error_description: Type.String(),
  error_uri: Type.String()
})

const errors = {
  '4xx': { description: 'RFC 6749 §5.2', ...OauthError },
  '5xx': { description: 'Not possible now: try again', ...OauthError }
}

/** The `response` of an OAuth route: its success, and RFC 6749 §5.2 for everything else. */
export const oauthAnswers = <Success extends TSchema>(success: Success): { 200: Success } =>
  Object.assign({ 200: success }, errors)

const Strings = Type.Array(Type.String())

/** RFC 8414 §2 */
export const AuthorizationServerMetadata = Type.Object({
  issuer: Type.String(),
  token_endpoint: Type.String(),
  jwks_uri: Type.String(),
  introspection_endpoint: Type.String(),
  revocation_endpoint: Type.String(),
  response_types_supported: Strings,
  grant_types_supported: Strings,
  token_endpoint_auth_methods_supported: Strings,
  introspection_endpoint_auth_methods_supported: Strings,
  revocation_endpoint_auth_methods_supported: Strings,
  service_documentation: Type.String()
})
