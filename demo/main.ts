// A page built on the browser SDK and nothing else. It holds no token: the SDK keeps the access token, and
// nobody here can read the refresh token.
import { AuthError, createAuthClient, type AuthChange, type AuthState } from '../client/index.ts'
import { showDevices } from './devices.ts'
import { logChange, logProblem } from './log.ts'
import { byId, onClick } from './page.ts'
import { showTokenLife } from './token-life.ts'
import { stealSession, twoTabsAtOnce } from './trials.ts'

const baseUrl = './'
const client = createAuthClient({ baseUrl })

const signIn = byId('sign-in', HTMLElement)
const form = byId('sign-in-form', HTMLFormElement)
const problem = byId('sign-in-problem', HTMLElement)
const signedIn = byId('signed-in', HTMLElement)
const over = byId('over', HTMLElement)
const story = byId('over-story', HTMLElement)

/** Ends of a session that nobody has to be told of. */
const quiet = ['logout', 'logout_all', 'refresh_token_missing']

client.onChange((change) => {
  if (change.type !== 'signed_out' || change.state.reason !== 'refresh_token_missing') logChange(change)
  show(client.state, change)
})

/** Shows what there is to see of the state, and moves the focus where the place that had it is gone. */
function show(state: AuthState, change: AuthChange): void {
  const here = state.status === 'signed_in'
  signIn.hidden = state.status !== 'signed_out'
  signedIn.hidden = !here
  showTokenLife(here ? state : undefined)
  byId('delayed', HTMLElement).textContent =
    change.type === 'delayed' ? 'The server is away. The session is kept, and tried again.' : ''

  if (here) {
    byId('user', HTMLElement).textContent = state.user.email
    over.hidden = true
    void showDevices(client)
  }
  if (change.type === 'signed_in' && change.by !== 'refresh') byId('session-title', HTMLElement).focus()
  if (change.type === 'signed_out') {
    over.hidden = quiet.includes(change.state.reason)
    story.replaceChildren()
    byId('over-reason', HTMLElement).textContent =
      `${change.state.reason}: ${change.error?.message ?? 'another tab was told so.'}`
    if (!over.hidden) byId('over-title', HTMLElement).focus()
    else if (change.state.reason !== 'refresh_token_missing') byId('sign-in-title', HTMLElement).focus()
  }
}

form.addEventListener('submit', (event) => {
  event.preventDefault()
  const { email, password } = Object.fromEntries(new FormData(form)) as Record<string, string>
  const account = { email: email ?? '', password: password ?? '' }
  const isNew = event.submitter?.getAttribute('value') !== 'login'
  problem.textContent = ''
  ;(isNew ? client.signup(account) : client.login(account)).then(
    () => {
      form.reset()
    },
    (error: unknown) => {
      if (!(error instanceof AuthError)) throw error
      const fields = (error.errors ?? []).map(({ path, message }) => `${path} ${message}`)
      problem.textContent = fields.length > 0 ? `${fields.join(', ')}.` : error.message
    }
  )
})

byId('example', HTMLButtonElement).addEventListener('click', () => {
  byId('email', HTMLInputElement).value = `ada.${crypto.randomUUID().slice(0, 8)}@example.com`
  byId('password', HTMLInputElement).value = 'correct horse battery staple'
})

onClick(byId('refresh', HTMLButtonElement), () => client.refresh().catch(logProblem))
onClick(byId('logout', HTMLButtonElement), () => client.logout().catch(logProblem))
onClick(byId('logout-all', HTMLButtonElement), () => client.logoutAll().catch(logProblem))
onClick(byId('two-tabs', HTMLButtonElement), () => twoTabsAtOnce(baseUrl).catch(logProblem))
onClick(byId('steal', HTMLButtonElement), async () => {
  const told = await stealSession(client)
  if (told) story.replaceChildren(told)
})

// A login elsewhere shows up without a reload.
setInterval(() => {
  if (!signedIn.hidden && !document.hidden) void showDevices(client)
}, 5000)
