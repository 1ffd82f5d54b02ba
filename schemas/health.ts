import { Type } from '@sinclair/typebox'

const UpOrDown = Type.Union([Type.Literal('up'), Type.Literal('down')])

export const Liveness = Type.Object({ status: Type.Literal('ok') })

export const Readiness = Type.Object({
  status: Type.Union([Type.Literal('ok'), Type.Literal('unavailable')]),
  postgres: UpOrDown,
  redis: UpOrDown
})
