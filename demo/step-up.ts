import { AuthError, type AuthClient } from '../client/index.ts'
import { ask, onSubmit } from './forms.ts'
import { byId } from './page.ts'

const dialog = byId('step-up', HTMLDialogElement)

/** Lets the dialog prove by the password who is here. */
export function setUpStepUp({ account }: AuthClient): void {
  onSubmit(byId('step-up-form', HTMLFormElement), async ({ password = '' }) => {
    await account.reauthenticate(password)
    dialog.close('proved')
  })
  byId('step-up-cancel', HTMLButtonElement).addEventListener('click', () => {
    dialog.close()
  })
}

const askForPassword = async () => (await ask(dialog)) === 'proved'

/**
 * Does the work. Where the login is too long ago for it (RFC 9470), has the user proved again, and then goes on.
 * @param prove answers whether it was; by default a dialog asks for the password
 * @throws AuthError insufficient_user_authentication where it was not
 */
export async function withRecentLogin(work: () => Promise<void>, prove = askForPassword): Promise<void> {
  try {
    await work()
  } catch (error) {
    if (!(error instanceof AuthError) || error.code !== 'insufficient_user_authentication') throw error
    if (!(await prove())) throw error
    await work()
  }
}
