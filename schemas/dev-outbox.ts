import { Type } from '@sinclair/typebox'
import { Time } from './common.ts'

/** The newest first. */
export const Outbox = Type.Object({
  mails: Type.Array(
    Type.Object({
      to: Type.String(),
      subject: Type.String(),
      text: Type.String(),
      html: Type.String(),
      sent_at: Time
    })
  )
})
