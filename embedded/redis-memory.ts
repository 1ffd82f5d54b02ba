import { randomUUID } from 'node:crypto'
import { createRequire } from 'node:module'
import type { Redis, RedisOptions } from 'ioredis'
import { loadFengari, type Fengari } from './fengari.ts'
import { resolveOptional } from './optional-package.ts'
import { scriptRunner, type Command } from './redis-scripts.ts'

type Argument = string | number | Buffer | null | undefined

/** What is used of ioredis-mock beyond the interface of ioredis. */
type MemoryClient = Redis & { customCommands: Record<string, Command> }

interface MemoryRedis {
  new (options: RedisOptions): MemoryClient
  Pipeline: new (client: MemoryClient) => object
}

/**
 * A Redis in this process's memory, for a machine without a server: ioredis-mock. Its data ends with the
 * process. Every call gives a keyspace of its own; clients made by `duplicate()` share it.
 *
 * Scripts given to `defineCommand` and `eval` are run by redis-scripts.ts: in ioredis-mock itself an absent
 * field is true in a script, a time in milliseconds overflows, and TIME goes back and forth by up to a second.
 * EVALSHA is left as it is.
 */
export function createMemoryRedis(): Redis {
  const require = createRequire(resolveOptional('ioredis-mock', 'REDIS_URL'))
  const fengari = loadFengari(require)
  const MemoryRedis = require('ioredis-mock') as MemoryRedis
  return prepare(new MemoryRedis({ host: `memory-${randomUUID()}` }), MemoryRedis, fengari)
}

function prepare(client: MemoryClient, MemoryRedis: MemoryRedis, fengari: Fengari): MemoryClient {
  /** A pipeline is given every command as a bare function; here to run at once, as a script needs it. */
  class Commands extends MemoryRedis.Pipeline {
    _createCommand(_name: string, command: Command): Command {
      return (...args) => command.apply(client, args)
    }
  }
  const run = scriptRunner(fengari, { ...new Commands(client), time })
  const runWith = (script: string, numberOfKeys: number, args: Argument[]) => {
    const texts = args.flat().map((argument) => String(argument ?? ''))
    return run(script, texts.slice(0, numberOfKeys), texts.slice(numberOfKeys))
  }
  const duplicate = client.duplicate.bind(client)

  client.once('end', () => Object.assign(client, { status: 'end' }))
  return Object.assign(client, {
    // Clients are asked for it, and ioredis-mock, always connected, has none.
    status: 'ready',
    time: async () => time(),
    // As in ioredis: where the number of keys is not given here, it is the first argument.
    defineCommand(name: string, { lua, numberOfKeys }: { lua: string; numberOfKeys?: number }) {
      const command = (...args: Argument[]) =>
        numberOfKeys === undefined
          ? runWith(lua, Number(args[0]), args.slice(1))
          : runWith(lua, numberOfKeys, args)
      client.customCommands[name] = command
      Object.assign(client, { [name]: async (...args: Argument[]) => command(...args) })
    },
    eval: async (script: string, numberOfKeys: number, ...args: Argument[]) =>
      runWith(script, numberOfKeys, args),
    duplicate: (override?: RedisOptions) => prepare(duplicate(override) as MemoryClient, MemoryRedis, fengari)
  })
}

/** By the clock that ioredis-mock's expiries go by: seconds, and the microseconds since. */
function time(): [string, string] {
  const now = Date.now()
  return [`${Math.floor(now / 1000)}`, `${(now % 1000) * 1000}`]
}
