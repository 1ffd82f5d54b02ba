import { Type } from '@sinclair/typebox'

/** RFC-to-be draft-ietf-httpapi-idempotency-key-header; a UUID serves. */
export const RefreshHeaders = Type.Object({
  'idempotency-key': Type.Optional(
    Type.String({
      minLength: 1,
      maxLength: 255,
      description:
        'Random, the same for every try of one attempt: its lost answer is then given again, however late'
    })
  )
})

export const SignInHeaders = Type.Object({
  'x-client': Type.Optional(
    Type.String({
      description: '`native` gets the refresh token in the body; refused to browsers. Default: `browser`'
    })
  ),
  'x-device-id': Type.Optional(Type.String({ description: 'Names the device of a native app' }))
})
