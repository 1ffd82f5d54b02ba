import { Type, type Static } from '@sinclair/typebox'
import { Time } from './common.ts'

/** One refresh of the demonstration, as the refresh route answered it. */
export const TheftStep = Type.Object({
  by: Type.Union([Type.Literal('browser'), Type.Literal('thief')]),
  generation: Type.Integer({ description: 'of the refresh token that was presented' }),
  status: Type.Integer(),
  outcome: Type.String({ description: '`rotated`, `replayed`, or the code of the refusal' })
})
export type TheftStep = Static<typeof TheftStep>

export const Theft = Type.Object({
  steps: Type.Array(TheftStep),
  events: Type.Array(
    Type.Object({
      type: Type.String(),
      reason: Type.Union([Type.String(), Type.Null()]),
      ip: Type.Union([Type.String(), Type.Null()]),
      user_agent: Type.Union([Type.String(), Type.Null()]),
      created_at: Time
    }),
    { description: 'the security events that came of it' }
  )
})
export type Theft = Static<typeof Theft>
