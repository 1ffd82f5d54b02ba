import type { AuthClient, User } from '../client/index.ts'
import { ask, clearRefusal, onSubmit } from './forms.ts'
import { logProblem } from './log.ts'
import { orderMail, tellOfMail } from './mail.ts'
import { byId, onClick } from './page.ts'
import { withRecentLogin } from './step-up.ts'

const title = byId('account-title', HTMLElement)
const sendLink = byId('send-link', HTMLButtonElement)
const note = byId('account-note', HTMLElement)
const details = byId('change-password', HTMLDetailsElement)
const form = byId('change-password-form', HTMLFormElement)
const deletion = byId('deletion', HTMLDialogElement)

export function setUpAccount(client: AuthClient): void {
  const { account } = client
  onClick(sendLink, async () => {
    try {
      await orderMail('auth/verify-email/send', undefined, client.fetch)
      await tellOfMail(note, 'A new link was sent. Once it is used, the next refresh knows.')
    } catch (error) {
      logProblem(error)
    }
  })

  onSubmit(form, async ({ current_password = '', new_password = '' }) => {
    // Nobody is asked twice for what they have just typed.
    const prove = async () => {
      await account.reauthenticate(current_password)
      return true
    }
    await withRecentLogin(() => account.changePassword({ current_password, new_password }), prove)
    details.open = false
    note.textContent = 'The password was changed, and every other session ended.'
  })

  onClick(byId('delete-account', HTMLButtonElement), async () => {
    if ((await ask(deletion)) === 'delete') await withRecentLogin(account.remove).catch(logProblem)
  })
}

/** Shows what the access token says of the account. */
export function showAccount({ email, email_verified }: User): void {
  if (email_verified && !sendLink.hidden) {
    if (document.activeElement === sendLink) title.focus()
    note.textContent = ''
  }
  byId('account-state', HTMLElement).textContent = email_verified ? 'Confirmed.' : 'Not confirmed yet.'
  sendLink.hidden = email_verified
  // For managers of passwords, which have to know whose it is. As the default, which a reset leaves there.
  for (const input of document.querySelectorAll<HTMLInputElement>('input.whose')) input.defaultValue = email
}

/** Forgets what was typed, and takes away what is open. */
export function hideAccount(): void {
  for (const dialog of document.querySelectorAll('dialog')) dialog.close()
  for (const form of document.querySelectorAll<HTMLFormElement>('form:has(.whose)')) {
    form.reset()
    clearRefusal(form)
  }
  details.open = false
  note.textContent = ''
}
