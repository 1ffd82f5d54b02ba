// React 18 or newer. One client for the whole app, made once, outside of every component.
import type { AuthClient, AuthState } from 'latchkey/client'
import { useSyncExternalStore } from 'react'

const unknown: AuthState = { status: 'unknown' }

/** Who is signed in. Renders anew at every sign-in, refresh and sign-out, in whichever tab it happened. */
export function useSession(client: AuthClient): AuthState {
  return useSyncExternalStore(
    client.onChange,
    () => client.state,
    // While a page is rendered on the server, nobody knows yet.
    () => unknown
  )
}
