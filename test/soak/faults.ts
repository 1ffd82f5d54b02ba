// What breaks during a soak. Every fault begins, lasts as long as it is told, and is over once `end` resolves.
import type { NodeProcess } from '../faults/node.ts'
import type { PostgresHandle } from '../stores/postgres.ts'
import type { Proxy } from '../stores/proxy.ts'
import type { RedisHandle } from '../stores/redis.ts'

/** What there is to break; the nodes reach the stores through the proxies. */
export interface Stage {
  redis: RedisHandle
  redisProxy: Proxy
  postgres: PostgresHandle
  postgresProxy: Proxy
  nodes: readonly NodeProcess[]
}

export type Subject = 'Redis' | 'Postgres' | 'server'

export interface Fault {
  name: string
  subject: Subject
  begin: (stage: Stage) => Promise<unknown>
  end: (stage: Stage) => Promise<unknown>
}

const nothing = async () => undefined

async function restore(proxy: Proxy): Promise<void> {
  proxy.dropResponses(false)
  await proxy.restore()
}

async function loseAnswersAndCut(proxy: Proxy): Promise<void> {
  proxy.dropResponses(true)
  await new Promise((resolve) => setTimeout(resolve, 100))
  await proxy.cut()
}

const configure = (name: string, value: string | number) => (stage: Stage) =>
  stage.redis.client().config('SET', name, value)

export const faults: readonly Fault[] = [
  {
    name: 'Redis killed, back with its data',
    subject: 'Redis',
    begin: ({ redis }) => redis.kill('SIGKILL'),
    end: ({ redis }) => redis.restart({ keepData: true })
  },
  {
    name: 'Redis killed, back empty',
    subject: 'Redis',
    begin: ({ redis }) => redis.kill('SIGKILL'),
    end: ({ redis }) => redis.restart({ keepData: false })
  },
  {
    name: 'Redis stands still',
    subject: 'Redis',
    begin: async ({ redis }) => {
      redis.pause()
    },
    end: async ({ redis }) => {
      redis.resume()
    }
  },
  {
    name: 'Redis flushed',
    subject: 'Redis',
    begin: ({ redis }) => redis.client().flushall(),
    end: nothing
  },
  {
    name: 'Redis is a replica (READONLY)',
    subject: 'Redis',
    begin: ({ redis }) => redis.client().replicaof('127.0.0.1', 1),
    end: ({ redis }) => redis.client().replicaof('NO', 'ONE')
  },
  {
    name: 'Redis is full (OOM)',
    subject: 'Redis',
    begin: configure('maxmemory', 1),
    end: configure('maxmemory', 0)
  },
  {
    name: 'Redis lacks replicas (NOREPLICAS)',
    subject: 'Redis',
    begin: configure('min-replicas-to-write', 1),
    end: configure('min-replicas-to-write', 0)
  },
  {
    name: 'answers of Redis lost, connections cut',
    subject: 'Redis',
    begin: ({ redisProxy }) => loseAnswersAndCut(redisProxy),
    end: ({ redisProxy }) => restore(redisProxy)
  },
  {
    name: 'connections to Redis fall silent',
    subject: 'Redis',
    begin: async ({ redisProxy }) => {
      redisProxy.silence()
    },
    end: nothing
  },
  {
    name: 'Postgres stopped',
    subject: 'Postgres',
    begin: ({ postgres }) => postgres.stop('fast'),
    end: ({ postgres }) => postgres.start()
  },
  {
    name: 'Postgres crashes',
    subject: 'Postgres',
    begin: ({ postgres }) => postgres.stop('immediate'),
    end: ({ postgres }) => postgres.start()
  },
  {
    name: 'Postgres stands still',
    subject: 'Postgres',
    begin: ({ postgres }) => postgres.pause(),
    end: async ({ postgres }) => {
      postgres.resume()
    }
  },
  {
    name: 'answers of Postgres lost, connections cut',
    subject: 'Postgres',
    begin: ({ postgresProxy }) => loseAnswersAndCut(postgresProxy),
    end: ({ postgresProxy }) => restore(postgresProxy)
  },
  {
    name: 'connections to Postgres fall silent',
    subject: 'Postgres',
    begin: async ({ postgresProxy }) => {
      postgresProxy.silence()
    },
    end: nothing
  },
  {
    name: 'one node killed',
    subject: 'server',
    begin: async ({ nodes }) => nodes[0]?.kill(),
    end: async ({ nodes }) => nodes[0]?.start()
  },
  {
    name: 'all nodes killed',
    subject: 'server',
    begin: ({ nodes }) => Promise.all(nodes.map((node) => node.kill())),
    end: ({ nodes }) => Promise.all(nodes.map((node) => node.start()))
  },
  {
    name: 'one node replaced (SIGTERM)',
    subject: 'server',
    begin: async ({ nodes }) => nodes[1]?.terminate(),
    end: async ({ nodes }) => nodes[1]?.start()
  }
]
