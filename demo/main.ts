// A page built on the browser SDK and nothing else. It holds no token: the SDK keeps the access token, and
// nobody here can read the refresh token.
import { AuthError, createAuthClient, type AuthChange, type AuthState } from '../client/index.ts'
import { hideAccount, setUpAccount, showAccount } from './account.ts'
import { showDevices } from './devices.ts'
import { clearRefusal, onSubmit, sayRefusal } from './forms.ts'
import { logChange, logProblem } from './log.ts'
import { orderMail, tellOfMail } from './mail.ts'
import { byId, onClick } from './page.ts'
import { setUpStepUp } from './step-up.ts'
import { showTokenLife } from './token-life.ts'
import { stealSession, twoTabsAtOnce } from './trials.ts'

const baseUrl = './'
const client = createAuthClient({ baseUrl })

const signIn = byId('sign-in', HTMLElement)
const form = byId('sign-in-form', HTMLFormElement)
const note = byId('sign-in-note', HTMLElement)
const signedIn = byId('signed-in', HTMLElement)
const over = byId('over', HTMLElement)
const story = byId('over-story', HTMLElement)

/** Ends of a session that nobody has to be told of. */
const quiet = ['logout', 'logout_all', 'account_deleted', 'refresh_token_missing']

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
    note.textContent = ''
    showAccount(state.user)
    void showDevices(client)
  }
  if (change.type === 'signed_in' && change.by !== 'refresh') byId('session-title', HTMLElement).focus()
  if (change.type === 'signed_out') {
    hideAccount()
    over.hidden = quiet.includes(change.state.reason)
    story.replaceChildren()
    byId('over-reason', HTMLElement).textContent =
      `${change.state.reason}: ${change.error?.message ?? 'another tab was told so.'}`
    if (!over.hidden) byId('over-title', HTMLElement).focus()
    else if (change.state.reason !== 'refresh_token_missing') byId('sign-in-title', HTMLElement).focus()
  }
}

onSubmit(form, async ({ email = '', password = '' }, button) => {
  note.textContent = ''
  if (button === 'login') await client.login({ email, password })
  else
    await client.signup({ email, password }).catch((error: unknown) => {
      // With SIGNUP_CONFIRM there is nobody to sign in yet.
      if (!(error instanceof AuthError) || error.status !== 202) throw error
      return tellOfMail(note, 'Look into your mail: the link there makes the account.')
    })
})

onClick(byId('forgot', HTMLButtonElement), async () => {
  const email = byId('email', HTMLInputElement)
  clearRefusal(form)
  note.textContent = ''
  if (!email.reportValidity()) return
  try {
    await orderMail('auth/password/forgot', { email: email.value })
    await tellOfMail(note, 'If there is an account with this address, a mail was sent.')
  } catch (error) {
    sayRefusal(form, error)
  }
})

byId('example', HTMLButtonElement).addEventListener('click', () => {
  byId('email', HTMLInputElement).value = `ada.${crypto.randomUUID().slice(0, 8)}@example.com`
  byId('password', HTMLInputElement).value = 'correct horse battery staple'
})

setUpStepUp(client)
setUpAccount(client)
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
