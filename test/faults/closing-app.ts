// An app that is closed in the very moment in which it reads which node of its Cluster has which slots. It has to end
// by itself: nothing may go on. Its settings are its environment.
import Fastify, { type FastifyInstance } from 'fastify'
import { Cluster } from 'ioredis'
import { setImmediate } from 'node:timers/promises'
import { latchkey } from '../../app.ts'

// Several times, as it may have the answer before its turn to be closed comes.
for (let times = 0; times < 4; times += 1) {
  const fastify = Fastify()
  const scopes: FastifyInstance[] = []
  fastify.addHook('onRegister', (scope) => void scopes.push(scope))
  await fastify.register(latchkey, process.env)
  const [scope] = scopes
  // Of the two kinds of connection in turn.
  const client = times % 2 === 0 ? scope?.redisClient : scope?.connectSubscriber()
  if (!(client instanceof Cluster)) throw new Error('it has no Cluster')
  await fastify.ready()
  // Not what it reads to connect, which is read once.
  while (client.status !== 'ready') await setImmediate()
  while (Reflect.get(client, 'isRefreshing') !== true) await setImmediate()
  await fastify.close()
}
process.stdout.write('closed\n')
