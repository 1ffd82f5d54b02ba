import { AuthError, type AuthChange } from '../client/index.ts'
import { byId, element, timeOfDay } from './page.ts'

const list = byId('log', HTMLOListElement)
const empty = byId('log-empty', HTMLElement)

/** Lines that are kept. */
const limit = 100

/** @param tag what it was, in a word or two; `kind` gives it its looks */
export function log(tag: string, text: string, kind = tag): void {
  const now = new Date()
  const time = element('time', { dateTime: now.toISOString() }, timeOfDay(now))
  list.prepend(
    element('li', {}, time, element('span', { className: `tag ${kind}` }, tag), element('p', {}, text))
  )
  while (list.children.length > limit) list.lastElementChild?.remove()
  empty.hidden = true
}

/** What went wrong, in the words of the server. */
export function logProblem(error: unknown): void {
  if (error instanceof AuthError) log(error.code, error.message, 'problem')
  else throw error
}

/** What the SDK says happened. @param who the tab that it happened in, where it is not this one */
export function logChange(change: AuthChange, who = ''): void {
  const prefix = who && `${who}: `
  switch (change.type) {
    case 'signed_in':
      return log('signed in', prefix + signedIn(change))
    case 'refreshed':
      return log(
        change.from === 'other_tab' ? 'taken over' : (change.verdict ?? 'proved'),
        prefix + refreshed(change)
      )
    case 'delayed':
      return log(
        'delayed',
        `${prefix}${change.error.message} The session is kept; the next try is in ${change.retry_in.toFixed(1)} s.`
      )
    case 'signed_out':
      return log('signed out', prefix + signedOut(change), 'signed_out')
  }
}

function signedIn({ by, from }: Extract<AuthChange, { type: 'signed_in' }>): string {
  if (from === 'other_tab') return 'Another tab has a session, and this one took it over.'
  if (by === 'refresh') return 'By the cookie alone, as the page was loaded.'
  return 'The access token is in the memory of this page, the refresh token in a cookie.'
}

function refreshed({ verdict, from }: Extract<AuthChange, { type: 'refreshed' }>): string {
  if (from === 'other_tab') return 'Another tab refreshed, and gave its access token to this one.'
  // No refresh, but what `reauthenticate` gave.
  if (!verdict) return 'The password was right: the access token says so until the next refresh.'
  if (verdict === 'replayed')
    return 'Another request had just exchanged the token: the same new one was given again.'
  return 'The refresh token was exchanged for a new one, which is in the cookie now.'
}

function signedOut({ state, error }: Extract<AuthChange, { type: 'signed_out' }>): string {
  if (state.reason === 'logout') return 'The session was ended, in every tab.'
  if (state.reason === 'logout_all') return 'Every session was ended, on all devices.'
  if (state.reason === 'account_deleted') return 'The account was deleted, and every session ended.'
  return `${state.reason}. ${error?.message ?? 'Another tab was told.'}`
}
