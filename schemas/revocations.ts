import { Type, type Static } from '@sinclair/typebox'

export const RevocationQuery = Type.Object(
  { since: Type.Optional(Type.String({ format: 'date-time', description: '`as_of` of an earlier answer' })) },
  { additionalProperties: false }
)

export const RevocationHeaders = Type.Object({
  'if-none-match': Type.Optional(Type.String({ description: '`ETag` of an earlier answer to the same URL' }))
})

export const RevocationStreamHeaders = Type.Object({
  'last-event-id': Type.Optional(Type.String({ description: 'The `id` of the last event that was received' }))
})

/** What was revoked lately, as other services hear of it. */
export const Revocations = Type.Object({
  revoked: Type.Array(Type.String(), {
    description:
      'The first 22 characters of the SHA-256, base64url, of a `sid` whose session ended, a `jti` that was exchanged or a `kid` that was revoked'
  }),
  as_of: Type.String({
    format: 'date-time',
    description: 'What was revoked before is in this answer or an earlier one'
  }),
  remember_for: Type.Integer({ description: 'Seconds after which all tokens of it have expired' })
})
export type Revocations = Static<typeof Revocations>

export const RevocationStream = Type.Unsafe<object>({
  type: 'string',
  description: 'Server-sent events `revoked`, whose data are such answers; one without news every 5 seconds'
})
