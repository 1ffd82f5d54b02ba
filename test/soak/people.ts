// Who uses the server during a soak: people who stay to the end, and people who come and go.
import { logIn, signUp } from '../faults/account.ts'
import { type Client, startClient, startNewcomer, startWatcher } from '../faults/clients.ts'
import type { Site } from '../faults/site.ts'
import { until } from '../stores/until.ts'

export interface People {
  /** Those who stay. */
  readonly clients: readonly Client[]
  /** Those who have left. */
  readonly gone: readonly Client[]
  /** Resolves once every one of those who stay has refreshed again. @returns ms, the first and the last of them */
  recover(): Promise<{ first: number; all: number }>
  done(): Promise<unknown>
}

const stayers = 40

/** ms from one who comes to the next; each stays for five times as long */
const churn = 3000

export async function invite(site: Site): Promise<People> {
  const doing: Promise<void>[] = []
  const begin = async (index: number) => {
    const kind = index % 2 === 0 ? 'browser' : 'phone'
    const { account, tokens } = await signUp(site, kind)
    const client = startClient(site, kind, account, tokens)
    doing.push(client.done)
    return client
  }
  const clients = await Promise.all(Array.from({ length: stayers }, (_, index) => begin(index)))
  const gone: Client[] = []

  const comeAndGo = async () => {
    for (let index = 0; !site.stopped; index++) {
      const client = await begin(index)
      const members = [client]
      const everywhere = index % 4 === 0
      if (everywhere) {
        const tokens = await logIn(site, 'phone', client.account)
        const second = startClient(site, 'phone', client.account, tokens)
        doing.push(second.done)
        members.push(second)
      }
      doing.push(
        site.pause(5 * churn).then(() => {
          if (site.stopped) return
          client.leave(everywhere ? 'logout/all' : 'logout')
          gone.push(...members)
        })
      )
      await site.pause(churn)
    }
  }
  const [holder] = clients
  if (!holder) throw new Error('nobody came')
  const untilStopped = (error: unknown) => {
    if (!site.stopped) throw error
  }
  doing.push(
    comeAndGo().catch(untilStopped),
    startWatcher(site, holder).done,
    (await startNewcomer(site)).done
  )

  return {
    clients,
    gone,
    async recover() {
      const over = performance.now()
      const isBack = ({ refreshedAt }: Client) => refreshedAt > over
      const { loggedOutByAccident } = site.tally
      await until(
        'everybody to refresh again',
        async () => clients.every(isBack) || loggedOutByAccident.length > 0,
        { within: 120_000, explain: () => site.tally.summary() }
      )
      const times = clients.map(({ refreshedAt }) => refreshedAt - over)
      return { first: Math.min(...times), all: Math.max(...times) }
    },
    done: () => Promise.all(doing)
  }
}
