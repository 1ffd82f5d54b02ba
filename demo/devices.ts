import { AuthError, type AuthClient, type Session } from '../client/index.ts'
import { logProblem } from './log.ts'
import { byId, element, onClick } from './page.ts'
import { withRecentLogin } from './step-up.ts'

const list = byId('devices', HTMLUListElement)
const title = byId('devices-title', HTMLElement)
const rows = new Map<string, { row: HTMLElement; details: HTMLElement }>()

/** The sessions of the user, wherever they are. Rows stay what they are, so that the focus stays where it is. */
export async function showDevices(client: AuthClient): Promise<void> {
  let sessions: Session[]
  try {
    sessions = await client.sessions.list()
  } catch (error) {
    // Signed out meanwhile, or the server is away: the SDK says so itself.
    if (error instanceof AuthError) return
    throw error
  }
  for (const [id, { row }] of rows) {
    if (sessions.some((session) => session.id === id)) continue
    if (row.contains(document.activeElement)) title.focus()
    row.remove()
    rows.delete(id)
  }
  for (const [place, session] of sessions.entries()) {
    const { row, details } = rows.get(session.id) ?? addRow(client, session)
    details.textContent = [
      session.client === 'native' && 'native',
      session.ip,
      `used ${ago(session.last_used_at)}`
    ]
      .filter(Boolean)
      .join(' · ')
    // To move it takes the focus away, even to where it is.
    const there = list.children[place]
    if (there !== row) list.insertBefore(row, there ?? null)
  }
}

function addRow(client: AuthClient, { id, current, label, user_agent }: Session) {
  const name = label ?? nameOf(user_agent ?? '')
  const details = element('p')
  const row = element('li', { className: 'row' }, element('div', {}, element('p', {}, name), details))
  if (current) row.append(element('span', { className: 'tag' }, 'this session'))
  else {
    const end = element('button', { type: 'button', ariaLabel: `End ${name}` }, 'End')
    onClick(end, async () => {
      await withRecentLogin(() => client.sessions.end(id)).catch(logProblem)
      await showDevices(client)
    })
    row.append(end)
  }
  const made = { row, details }
  rows.set(id, made)
  return made
}

/** A rough word for people; nothing depends on it. */
function nameOf(user_agent: string): string {
  const [, program] = /(Edg|Firefox|Chrome|Safari|curl|node)/.exec(user_agent) ?? []
  const [, system] = /(Android|iPhone|iPad|Windows|Mac|Linux)/.exec(user_agent) ?? []
  if (program) return system ? `${program} on ${system}` : program
  return user_agent.slice(0, 40) || 'Unknown program'
}

function ago(time: string): string {
  const seconds = Math.round((Date.parse(time) - Date.now()) / 1000)
  const format = new Intl.RelativeTimeFormat('en', { numeric: 'auto' })
  if (seconds > -60) return format.format(Math.min(seconds, 0), 'second')
  return seconds > -3600
    ? format.format(Math.round(seconds / 60), 'minute')
    : format.format(Math.round(seconds / 3600), 'hour')
}
