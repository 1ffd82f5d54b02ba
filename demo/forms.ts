import { AuthError } from '../client/index.ts'

/** Says in the alert of the form what was refused, field by field where the server named any. */
export function sayRefusal(form: HTMLFormElement, error: unknown): void {
  const alert = form.querySelector('[role=alert]')
  if (!alert || !(error instanceof AuthError)) throw error
  const fields = (error.errors ?? []).map(({ path, message }) => `${path} ${message}`)
  alert.textContent = fields.length > 0 ? `${fields.join(', ')}.` : error.message
}

export function clearRefusal(form: HTMLFormElement): void {
  form.querySelector('[role=alert]')?.replaceChildren()
}

/**
 * Does the work when the form is sent, once at a time, and empties the form. What is refused is said in its alert.
 * @param work gets the fields by name, and the value of the button
 */
export function onSubmit(
  form: HTMLFormElement,
  work: (fields: Record<string, string>, button: string) => Promise<unknown>
): void {
  let busy = false
  form.addEventListener('submit', (event) => {
    event.preventDefault()
    if (busy) return
    busy = true
    clearRefusal(form)
    const fields = Object.fromEntries(new FormData(form)) as Record<string, string>
    work(fields, event.submitter?.getAttribute('value') ?? '')
      .then(
        () => {
          form.reset()
        },
        (error: unknown) => {
          sayRefusal(form, error)
        }
      )
      .finally(() => {
        busy = false
      })
  })
}

/** Shows a dialog. @returns the value of the button that closed it; nothing where it was given up */
export function ask(dialog: HTMLDialogElement): Promise<string> {
  dialog.returnValue = ''
  dialog.showModal()
  return new Promise((resolve) => {
    const closed = () => {
      resolve(dialog.returnValue)
    }
    dialog.addEventListener('close', closed, { once: true })
  })
}
