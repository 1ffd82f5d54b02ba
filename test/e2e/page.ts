// The page under test, as an app would write it: with the built SDK and nothing else.
import { createAuthClient, type AuthChange, type AuthClient } from '../../client/index.ts'

declare global {
  interface Window {
    client: AuthClient
    createAuthClient: typeof createAuthClient
    /** Everything that the page was told. */
    changes: AuthChange[]
  }
}

window.client = createAuthClient({ baseUrl: location.origin })
window.createAuthClient = createAuthClient
window.changes = []
window.client.onChange((change) => {
  window.changes.push(change)
  const { state } = window.client
  document.title = state.status === 'signed_in' ? state.user.email : state.status
})
