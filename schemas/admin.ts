import { Type, type Static } from '@sinclair/typebox'
import { Session } from './auth.ts'
import { Id, Name, Printable, Role, Time } from './common.ts'
import { User } from './tokens.ts'

const closed = { additionalProperties: false }
const orNull = <Schema extends ReturnType<typeof Type.String>>(schema: Schema) =>
  Type.Union([schema, Type.Null()])

const Reason = Printable({
  minLength: 1,
  maxLength: 500,
  description: 'For administrators, and for the person who asks for their data'
})

/** A user as an administrator sees them. */
export const AdministeredUser = Type.Object({
  ...User.properties,
  disabled: Type.Union([
    Type.Object({
      at: Time,
      until: Type.Union([Time, Type.Null()], {
        description: '`null` is until somebody lets the user in again'
      }),
      reason: orNull(Type.String())
    }),
    Type.Null()
  ])
})
export type AdministeredUser = Static<typeof AdministeredUser>

export const UserParams = Type.Object({ id: Id }, closed)
export const UserSessionParams = Type.Object({ id: Id, session_id: Id }, closed)

const page = {
  // What stands in a query is text.
  limit: Type.Optional(
    Type.String({
      pattern: '^([1-9][0-9]?|1[0-9]{2}|200)$',
      description: '1 to 200; 50 where it is left out'
    })
  ),
  cursor: Type.Optional(Type.String({ maxLength: 200, description: '`next_cursor` of the page before' }))
}
const nextCursor = Type.Union([Type.String(), Type.Null()], { description: '`null` on the last page' })

export const UserQuery = Type.Object(
  {
    ...page,
    search: Type.Optional(
      Printable({
        minLength: 1,
        maxLength: 254,
        description: 'What the email address or the name begins with, in either case'
      })
    ),
    role: Type.Optional(Role),
    disabled: Type.Optional(Type.Union([Type.Literal('true'), Type.Literal('false')]))
  },
  closed
)
export type UserQuery = Static<typeof UserQuery>

export const UserPage = Type.Object({ users: Type.Array(AdministeredUser), next_cursor: nextCursor })
export type UserPage = Static<typeof UserPage>

/** What is left out stays as it is. */
export const AdministerUserBody = Type.Object(
  {
    name: Type.Optional(Type.Union([Name, Type.Null()])),
    role: Type.Optional(Role),
    email_verified: Type.Optional(Type.Boolean()),
    disabled: Type.Optional(
      Type.Union(
        [
          Type.Object(
            {
              until: Type.Optional(
                Type.Union([Time, Type.Null()], { description: 'In the future; else without an end' })
              ),
              reason: Type.Optional(Type.Union([Reason, Type.Null()]))
            },
            closed
          ),
          Type.Null()
        ],
        { description: 'Ends every session of the user; `null` lets them log in again' }
      )
    )
  },
  { ...closed, minProperties: 1 }
)
export type AdministerUserBody = Static<typeof AdministerUserBody>

const AdministeredSession = Type.Omit(Session, ['current'])
export const AdministeredSessionList = Type.Object({ sessions: Type.Array(AdministeredSession) })

export const EventQuery = Type.Object(
  {
    ...page,
    user_id: Type.Optional(Id),
    actor_id: Type.Optional(Id),
    type: Type.Optional(Type.String({ pattern: '^[a-z_]{1,64}$' })),
    since: Type.Optional(Time)
  },
  closed
)
export type EventQuery = Static<typeof EventQuery>

/** A security event as an administrator sees it. */
export const AuditEvent = Type.Object({
  id: Id,
  type: Type.String(),
  user_id: orNull(Id),
  session_id: orNull(Id),
  actor: Type.Union([Type.Literal('administrator'), Type.Literal('command_line'), Type.Null()], {
    description: 'Who did it, where it was not the user'
  }),
  actor_id: orNull(Id),
  reason: Type.Union([Type.String(), Type.Null()], { description: 'Of a session that ended: why' }),
  details: Type.Union([Type.Record(Type.String(), Type.Unknown()), Type.Null()], {
    description: 'What was changed'
  }),
  ip: orNull(Type.String()),
  user_agent: orNull(Type.String()),
  created_at: Time
})
export type AuditEvent = Static<typeof AuditEvent>

export const EventPage = Type.Object({ events: Type.Array(AuditEvent), next_cursor: nextCursor })
export type EventPage = Static<typeof EventPage>

/** All that is kept of a person, but hashes. */
export const PersonalData = Type.Object({
  exported_at: Time,
  user: AdministeredUser,
  sessions: Type.Array(
    Type.Object({
      ...AdministeredSession.properties,
      device_type: Type.String(),
      amr: Type.Array(Type.String()),
      authenticated_at: Time,
      revoked_at: Type.Union([Time, Type.Null()]),
      revoked_reason: orNull(Type.String())
    }),
    { description: 'Those that have ended too, for as long as they are kept' }
  ),
  known_devices: Type.Array(Type.Object({ created_at: Time, last_used_at: Time }), {
    description: 'Devices that the user has signed in on; which they are is kept as a hash'
  }),
  security_events: Type.Array(Type.Omit(AuditEvent, ['user_id', 'actor_id']))
})
export type PersonalData = Static<typeof PersonalData>
