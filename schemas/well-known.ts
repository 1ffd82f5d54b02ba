import { Type, type Static } from '@sinclair/typebox'

/** Seconds for which the key set may be cached, and so must be out before a key of it signs. */
export const jwksMaxAge = 300

/** RFC 7517 §5, an EC public key each (RFC 7518 §6.2). */
export const JsonWebKeySet = Type.Object({
  keys: Type.Array(
    Type.Object({
      kty: Type.Literal('EC'),
      crv: Type.Literal('P-256'),
      x: Type.String(),
      y: Type.String(),
      kid: Type.String(),
      alg: Type.Literal('ES256'),
      use: Type.Literal('sig')
    })
  )
})

export type JsonWebKeySet = Static<typeof JsonWebKeySet>
