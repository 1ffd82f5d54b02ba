import { Type, type Static } from '@sinclair/typebox'
import { Email, Name, Role, Time } from './common.ts'

const orNull = <Schema extends Parameters<typeof Type.Optional>[0]>(schema: Schema) =>
  Type.Optional(Type.Union([schema, Type.Null()]))

/** A line of what `latchkey users import` reads. What it does not name is refused, not dropped. */
export const ImportedUser = Type.Object(
  {
    email: Email,
    password_hash: orNull(
      Type.String({
        maxLength: 1024,
        description: 'bcrypt, or argon2, scrypt or PBKDF2 in the PHC string format'
      })
    ),
    name: orNull(Name),
    role: Type.Optional(Role),
    email_verified: Type.Optional(Type.Boolean()),
    disabled: Type.Optional(Type.Boolean()),
    id: Type.Optional(
      Type.String({ pattern: '^[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}$', description: 'UUID' })
    ),
    created_at: Type.Optional(Time)
  },
  { additionalProperties: false }
)
export type ImportedUser = Static<typeof ImportedUser>
