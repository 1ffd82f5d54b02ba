// A page with the browser examples in it.
import { createAuthClient, type AuthClient } from 'latchkey/client'
import { createRoot } from 'react-dom/client'
import { createApi } from '../../examples/axios-interceptor.ts'
import { fetchAuthorized, signIn } from '../../examples/plain-fetch.ts'
import { Account } from '../../examples/react/account.tsx'

declare global {
  interface Window {
    examples: {
      client: AuthClient
      api: ReturnType<typeof createApi>
      signIn: typeof signIn
      fetchAuthorized: typeof fetchAuthorized
    }
  }
}

const client = createAuthClient({ baseUrl: '/account' })
window.examples = { client, api: createApi(client, location.origin), signIn, fetchAuthorized }

const main = document.querySelector('main')
if (main && location.hash === '#react') createRoot(main).render(<Account client={client} />)
