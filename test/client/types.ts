// The public types of the SDK, as apps rely on them. Compiled by npm run typecheck; nothing here runs.
import {
  AuthError,
  createAuthClient,
  type AuthAction,
  type AuthChange,
  type AuthClient,
  type AuthState,
  type Session,
  type User
} from '../../client/index.ts'

/** Whether two types are the same, each way. */
type Same<One, Other> =
  (<T>() => T extends One ? 1 : 2) extends <T>() => T extends Other ? 1 : 2 ? true : false
const is = <_Expected extends true>() => undefined

export const client: AuthClient = createAuthClient({ baseUrl: 'https://auth.example.com' })
createAuthClient({ baseUrl: '/', tokenOrigins: ['https://api.example.com'], timeout: 5000, crossSite: true })
// @ts-expect-error baseUrl is needed
createAuthClient({})
// @ts-expect-error an option that there is not
createAuthClient({ baseUrl: '/', lock: true })

is<Same<ReturnType<AuthClient['login']>, Promise<User>>>()
is<Same<ReturnType<AuthClient['signup']>, Promise<User>>>()
is<Same<ReturnType<AuthClient['logout']>, Promise<void>>>()
is<Same<ReturnType<AuthClient['logoutAll']>, Promise<void>>>()
is<Same<ReturnType<AuthClient['user']>, Promise<User | null>>>()
is<Same<ReturnType<AuthClient['getAccessToken']>, Promise<string>>>()
is<Same<ReturnType<AuthClient['refresh']>, Promise<string>>>()
is<Same<ReturnType<AuthClient['sessions']['list']>, Promise<Session[]>>>()
is<Same<ReturnType<AuthClient['sessions']['rename']>, Promise<Session>>>()
is<Same<AuthState['status'], 'unknown' | 'signed_in' | 'signed_out'>>()
is<Same<AuthChange['type'], 'signed_in' | 'refreshed' | 'signed_out' | 'delayed'>>()
is<Same<AuthAction, 'retry' | 'reauthenticate' | 'none'>>()
is<Same<User['name'], string | null>>()
is<Same<Session['client'], 'browser' | 'native'>>()

// In place of the page's own fetch, wherever one is asked for.
export const fetches: typeof fetch = client.fetch

void client.signup({ email: 'ada@example.com', password: 'correct horse battery', name: 'Ada' })
// @ts-expect-error a password is needed
void client.login({ email: 'ada@example.com' })
// @ts-expect-error the label may be null, and has to be said
void client.sessions.rename('id')
// @ts-expect-error the state is read, never set
client.state = { status: 'unknown' }

export function describe(state: AuthState): string {
  switch (state.status) {
    case 'signed_in':
      // @ts-expect-error no token is in it
      void state.access_token
      return `${state.user.email} ${String(state.expires_at)}`
    case 'signed_out':
      // @ts-expect-error nobody is
      void state.user
      return state.reason
    case 'unknown':
      return ''
  }
}

export const unsubscribe: () => void = client.onChange((change) => {
  switch (change.type) {
    case 'signed_in':
    case 'refreshed':
      is<Same<typeof change.verdict, 'rotated' | 'replayed' | undefined>>()
      is<Same<typeof change.from, 'this_tab' | 'other_tab'>>()
      return change.state.user satisfies User
    case 'signed_out':
      return change.error?.code
    case 'delayed':
      return change.retry_in + (change.error.retryAfter ?? 0)
  }
})

export function explain(error: unknown): string {
  if (!(error instanceof AuthError)) return ''
  // Known codes are offered by the editor; the server may have more.
  is<Same<typeof error.code extends string ? true : false, true>>()
  if (error.code === 'network_error' || error.code === 'email_taken') return error.message
  return (error.errors ?? []).map(({ path, message }) => `${path} ${message}`).join() + String(error.status)
}

export const { login, logout, getAccessToken } = client
