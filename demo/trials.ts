import { createAuthClient, type AuthClient } from '../client/index.ts'
import type { Theft } from '../schemas/demo.ts'
import { log, logChange } from './log.ts'
import { element, timeOfDay } from './page.ts'

/** Two more clients, as two more tabs would have them, refresh with one cookie in the same instant. */
export async function twoTabsAtOnce(baseUrl: string): Promise<void> {
  const tabs = ['Tab A', 'Tab B'].map((name) => ({ name, client: createAuthClient({ baseUrl }) }))
  const answered = tabs.map(
    ({ name, client }) =>
      new Promise<void>((resolve) => {
        client.onChange((change) => {
          if (change.type !== 'refreshed' || change.from === 'other_tab') return
          logChange(change, name)
          resolve()
        })
      })
  )
  try {
    await Promise.all(tabs.map(({ client }) => client.user()))
    // Let them come to rest, as tabs that have been open for a while.
    await new Promise((resolve) => setTimeout(resolve, 200))
    await Promise.all(tabs.map(({ client }) => client.refresh()))
    await Promise.all(answered)
  } finally {
    for (const { client } of tabs) client.close()
  }
}

/**
 * A script can not read the cookie, so the server plays the thief: it copies the cookie, goes on as this
 * browser for two refreshes, and presents the copy to the refresh route from elsewhere.
 * @returns the story, to be shown once the SDK has found out
 */
export async function stealSession(client: AuthClient): Promise<HTMLElement | undefined> {
  const response = await fetch('demo/theft', { method: 'POST' })
  if (!response.ok) {
    const { code, detail } = (await response.json()) as { code: string; detail: string }
    log(code, detail, 'problem')
    return undefined
  }
  const theft = (await response.json()) as Theft
  for (const { by, generation, outcome } of theft.steps) {
    const who = by === 'thief' ? 'A thief' : 'This browser'
    log(outcome, `${who} presented token ${String(generation)}.`, by === 'thief' ? 'signed_out' : outcome)
  }
  // The page finds out as any app does: by its next refresh.
  await client.refresh().catch(() => undefined)
  return tell(theft)
}

/** A code that may be broken at its underscores where the page is narrow. */
const breakable = (code: string) => code.split(/(?<=_)/).flatMap((part) => [part, element('wbr')])

function tell({ steps, events }: Theft): HTMLElement {
  const head = ['Who', 'Presented', 'Answer'].map((text) => element('th', { scope: 'col' }, text))
  const rows = steps.map(({ by, generation, status, outcome }) =>
    element(
      'tr',
      {},
      element('td', {}, by === 'thief' ? 'A thief' : 'This browser'),
      element('td', {}, `token ${String(generation)}`),
      element(
        'td',
        { className: status === 200 ? '' : 'refused' },
        ...breakable(`${String(status)} ${outcome}`)
      )
    )
  )
  const lines = events.map(
    ({ type, reason, ip, user_agent, created_at }) =>
      `${timeOfDay(new Date(created_at))} ${type}${reason ? ` (${reason})` : ''} from ${ip ?? '?'}, "${user_agent ?? ''}"`
  )
  return element(
    'div',
    {},
    element('table', {}, element('thead', {}, element('tr', {}, ...head)), element('tbody', {}, ...rows)),
    element('p', {}, 'The server has written down:'),
    element('pre', { className: 'server-log', tabIndex: 0 }, lines.join('\n'))
  )
}
