import { Type, type Static } from '@sinclair/typebox'

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
