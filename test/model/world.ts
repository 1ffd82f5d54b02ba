import type { Test } from 'tap'
import { makeStores, startNode, type App, type Stores } from '../helper.ts'
import { startProxy, type Proxy } from '../stores/proxy.ts'
import { until } from '../stores/until.ts'

/** Short lives, so that a run reaches their ends; the overlap is the default. In ms where they are numbers. */
export const lives = { overlap: 10_000, access: 900_000 }
const env = { REFRESH_RATE: 0, REFRESH_IDLE_TTL: '24h', REFRESH_ABSOLUTE_TTL: '36h' }

/** Two nodes on the same stores, and the levers that break them. */
export interface World {
  readonly stores: Stores
  readonly nodes: readonly [App, App]
  /** Ends a node as SIGKILL would: what its memory held for the stores is lost. Another one takes its place. */
  crash(index: number): Promise<void>
  /** Cuts the nodes off Postgres for as long as `work` takes. */
  withoutPostgres(work: () => Promise<void>): Promise<void>
}

/** @param through a proxy between the nodes and Postgres, without which Postgres can not be taken away */
export async function makeWorld(t: Test, through?: Proxy): Promise<World> {
  const stores = await makeStores(t)
  const url = new URL(String(stores.env.DATABASE_URL))
  if (through) url.host = `127.0.0.1:${String(through.port)}`
  const start = () => startNode(stores, { ...env, DATABASE_URL: url.href })
  const nodes: [App, App] = [await start(), await start()]
  t.teardown(() => Promise.all(nodes.map((node) => node.close())))

  return {
    stores,
    nodes,
    async crash(index) {
      const node = at(nodes, index)
      // Nothing more leaves it: closing it then can not write what a dead process could not have written.
      node.scope.redisClient.disconnect()
      await node.scope.pg.pool.end()
      await node.close().catch(() => undefined)
      nodes[index % 2] = await start()
    },
    async withoutPostgres(work) {
      await through?.cut()
      try {
        await work()
      } finally {
        await through?.restore()
        for (const { scope } of nodes) {
          await until('a node to reach Postgres again', async () => Boolean(await scope.pg.query('SELECT 1')))
        }
      }
    }
  }
}

/** A way to Postgres that can be cut. */
export async function proxyToPostgres(t: Test): Promise<Proxy> {
  const { port } = new URL(process.env['DATABASE_URL'] ?? '')
  const proxy = await startProxy(Number(port || 5432))
  t.teardown(() => proxy.close())
  return proxy
}

export const at = <Item>(items: readonly Item[], index: number): Item => {
  const item = items[index % items.length]
  if (item === undefined) throw new Error('there is none')
  return item
}
