import { bearer, signUp, type App } from './helper.ts'

/** An account with the role `admin`, which its token does not say yet: what counts is the record. */
export async function signUpAdministrator(app: App) {
  const person = await signUp(app)
  await app.stores.pool.query("UPDATE users SET role = 'admin' WHERE id = $1", [person.user_id])
  return person
}

export interface EventBody {
  id: string
  type: string
  user_id: string | null
  session_id: string | null
  actor: string | null
  actor_id: string | null
  reason: string | null
  details: Record<string, unknown> | null
  ip: string | null
  user_agent: string | null
  created_at: string
}

export interface AdministeredBody {
  id: string
  email: string
  name: string | null
  role: string
  email_verified: boolean
  disabled: { at: string; until: string | null; reason: string | null } | null
}

/** Requests under /admin, of whoever has that token. */
export function administer(app: App, access_token: string) {
  const headers = bearer(access_token)
  return {
    get: (path: string) => app.inject({ url: `/admin${path}`, headers }),
    patch: (path: string, payload: object) =>
      app.inject({ method: 'PATCH', url: `/admin${path}`, headers, payload }),
    remove: (path: string) => app.inject({ method: 'DELETE', url: `/admin${path}`, headers }),
    events: async (query: string) =>
      (await app.inject({ url: `/admin/events?${query}`, headers })).json<{
        events: EventBody[]
        next_cursor: string | null
      }>()
  }
}
