// People who use the server while its stores break: what every file here starts before it breaks something.
import type { Test } from 'tap'
import type { ConfigurationInput } from '../../app.ts'
import { startPostgres } from '../stores/postgres.ts'
import { until } from '../stores/until.ts'
import { bearer, logIn, signUp } from './account.ts'
import { type Client, startClient, startNewcomer, startWatcher } from './clients.ts'
import { hostRoute, type Node, startNode } from './node.ts'
import { keepResult } from './results.ts'
import { createSite, type Site } from './site.ts'
import { createTally, type Tally, type TallySettings } from './tally.ts'

/** Short enough to outlast them in a test. */
export const storeTimeout = 300
export const overlap = 1000

/** ms that an answer may take: a refresh may wait for a store three times, on a machine that is busy. */
export const hangAfter = 3 * storeTimeout + 3000

/** The settings of a node under test, but for its stores. */
export const settings = {
  NODE_ENV: 'test',
  SECRET_KEY: 'a secret key that only the tests know of',
  PUBLIC_URL: 'http://localhost',
  LOG_LEVEL: process.env['FAULT_LOG_LEVEL'] ?? 'silent',
  STORE_TIMEOUT: `${String(storeTimeout)}ms`,
  REFRESH_OVERLAP: `${String(overlap)}ms`,
  REFRESH_RATE: 0
} satisfies ConfigurationInput

export interface Traffic {
  readonly site: Site
  readonly tally: Tally
  /** Those who stay. */
  readonly clients: readonly Client[]
  /** Resolves once every client has refreshed so many times more. */
  flows(times?: number): Promise<void>
  /** Resolves once every client has waited so long for its present refresh, in ms. */
  waits(ms: number): Promise<void>
  /** Some log out, one of them everywhere; strangers then present what they held. */
  leave(): void
  /** Call when the fault is over: resolves once every client refreshes again, and measures it. */
  recovers(): Promise<void>
  /** Ends it, and asserts what is promised. */
  end(t: Test): Promise<void>
}

export interface TrafficSettings extends Partial<TallySettings> {
  accessPath?: string
}

const stayers = 12

/** @param nodes in front of the same stores */
export async function startTraffic(
  t: Test,
  nodes: readonly Node[],
  { accessPath = hostRoute, ...tallySettings }: TrafficSettings = {}
): Promise<Traffic> {
  const tally = createTally({ hangAfter, ...tallySettings })
  const site = createSite(nodes, tally, accessPath)
  t.teardown(() => {
    site.close()
  })

  const begin = async (count: number) =>
    Promise.all(
      Array.from({ length: count }, async (_, index) => {
        const kind = index % 2 === 0 ? 'browser' : 'phone'
        const { account, tokens } = await signUp(site, kind)
        return startClient(site, kind, account, tokens)
      })
    )
  const clients = await begin(stayers)
  const leavers = await begin(4)
  const [everywhere] = leavers
  const [holder] = clients
  if (!everywhere || !holder) throw new Error('nobody came')
  const second = await logIn(site, 'phone', everywhere.account)
  leavers.push(startClient(site, 'phone', everywhere.account, second))
  const people = [...clients, ...leavers, startWatcher(site, holder), await startNewcomer(site)]

  const every = (what: string, isSo: (client: Client) => boolean, within = 40_000) =>
    until(what, async () => clients.every(isSo) || tally.loggedOutByAccident.length > 0, {
      within,
      explain: () => tally.summary()
    })
  const flows = async (times = 3) => {
    const before = new Map(clients.map((client) => [client, client.refreshes]))
    await every('everybody to refresh', (client) => client.refreshes >= (before.get(client) ?? 0) + times)
  }
  const accessIsOver = async (node: Node, { tokens }: Client) => {
    const headers = bearer(tokens.access_token)
    const answer = await site.send('stranger access', { method: 'GET', path: accessPath, headers, node })
    return answer?.status === 401
  }

  await flows()
  return {
    site,
    tally,
    clients,
    flows,
    waits: async (ms) => {
      await every(`everybody to wait ${String(ms)} ms`, ({ waiting }) => waiting > ms)
    },
    leave() {
      for (const client of leavers.slice(1, 4)) client.leave('logout')
      everywhere.leave('logout/all')
    },
    async recovers() {
      const over = performance.now()
      await every('everybody to refresh again', ({ refreshedAt }) => refreshedAt > over)
      const times = clients.map(({ refreshedAt }) => refreshedAt - over)
      tally.recovery = { first: Math.min(...times), all: Math.max(...times) }
      await flows()
    },
    async end(t) {
      const gone = leavers.filter(({ account }) => account.endingSince !== undefined)
      await until('those who left to be out', async () => gone.every(({ account }) => account.endedAt))
      for (const client of gone)
        for (const node of nodes)
          await until('an access token to be refused', () => accessIsOver(node, client), { within: 10_000 })
      site.stop()
      await Promise.all(people.map(({ done }) => done))
      t.comment(tally.summary())
      keepResult(t.name, tally)
      t.same(tally.loggedOutByAccident, [], 'nobody was logged out by accident')
      t.same(tally.cameBack, [], 'nobody who was logged out came back')
      t.same(tally.brokenContract, [], 'every answer was one that is promised')
    }
  }
}

/** Two nodes in this process on the Redis of the URL, and on a Postgres of their own where none is named. */
export async function startNodes(t: Test, redisUrl: string, input: ConfigurationInput = {}): Promise<Node[]> {
  const stores: ConfigurationInput = { REDIS_URL: redisUrl }
  if (!input.DATABASE_URL) {
    const postgres = await startPostgres()
    t.teardown(() => postgres.close())
    stores.DATABASE_URL = postgres.url
  }
  const nodes: Node[] = []
  t.teardown(() => Promise.all(nodes.map((node) => node.close())))
  while (nodes.length < 2) nodes.push(await startNode({ ...settings, ...stores, ...input }))
  return nodes
}
