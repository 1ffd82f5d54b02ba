import { Type, type Static } from '@sinclair/typebox'

export const Id = Type.String({ format: 'uuid', description: 'UUIDv7' })

export const Time = Type.String({ format: 'date-time', description: 'RFC 3339, UTC' })

// Postgres text can not hold NUL, UTF-8 can not hold half a surrogate pair, and nothing of ours needs any
// other control character.
export const Printable = (options: { minLength: number; maxLength: number; description?: string }) =>
  Type.String({ ...options, pattern: '^[^\\u0000-\\u001f\\u007f-\\u009f\\ud800-\\udfff]*$' })

export const Email = Type.String({
  format: 'email',
  maxLength: 254,
  description: 'At most 254 characters (RFC 5321); compared without regard to case'
})

export const Name = Printable({ minLength: 1, maxLength: 200 })

export const Role = Type.String({
  pattern: '^[a-z][a-z0-9_-]{0,31}$',
  description: '1 to 32 lower-case letters, digits, - and _, beginning with a letter; stands in access tokens'
})

export const Label = Printable({ minLength: 1, maxLength: 100 })

/**
 * A password being chosen.
 * @param minLength NIST SP 800-63B-4 §3.1.1.2: 15 characters where it stands alone
 */
export const NewPassword = (minLength: number) =>
  Printable({
    minLength,
    maxLength: 256,
    description: `${String(minLength)} to 256 characters (code points), of any kind but control characters`
  })

/** A password being checked: whatever was once accepted. */
export const Password = Type.String({ minLength: 1, maxLength: 1024 })

export const Client = Type.Union([Type.Literal('browser'), Type.Literal('native')], {
  description: 'How the refresh token travels: in a cookie, or in the body and the bearer header'
})

export type Client = Static<typeof Client>

/** RFC 9457 problem details, with our `code` and `action`. */
export const ProblemDetails = Type.Object(
  {
    type: Type.String(),
    title: Type.String(),
    status: Type.Integer(),
    detail: Type.String(),
    code: Type.String({ description: 'Stable and machine-readable' }),
    action: Type.Union([Type.Literal('retry'), Type.Literal('reauthenticate'), Type.Literal('none')], {
      description: 'What the client should do'
    }),
    request_id: Type.Optional(Type.String()),
    errors: Type.Optional(Type.Array(Type.Object({ path: Type.String(), message: Type.String() })))
  },
  { $id: 'ProblemDetails' }
)
export type ProblemDetails = Static<typeof ProblemDetails>
