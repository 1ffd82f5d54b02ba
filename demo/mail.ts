import { AuthError } from '../client/index.ts'
import { element } from './page.ts'

/**
 * Asks a route that sends a mail.
 * @param send the page's `fetch`; that of the SDK where the route needs an access token
 * @throws AuthError
 */
export async function orderMail(path: string, body?: object, send = fetch): Promise<void> {
  const response = await send(path, {
    method: 'POST',
    ...(body && { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) })
  }).catch((cause: unknown) => {
    if (cause instanceof AuthError) throw cause
    throw new AuthError('network_error', 'The server does not answer.', { cause })
  })
  if (response.ok) return
  const refusal = (await response.json()) as { code: string; detail: string }
  throw new AuthError(refusal.code, refusal.detail, refusal)
}

/** Says that there is a mail, and where: in development without SMTP the server has an outbox. */
export async function tellOfMail(note: HTMLElement, text: string): Promise<void> {
  note.textContent = text
  const { ok } = await fetch('dev/outbox', { method: 'HEAD' }).catch(() => ({ ok: false }))
  if (ok) note.append(' ', element('a', { href: 'dev/outbox', target: '_blank' }, 'Open the outbox'))
}
