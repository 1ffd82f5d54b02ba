import Fastify from 'fastify'
import { argon2Build, canTune } from '../../argon2/index.ts'
import configurationPlugin from '../../plugins/configuration.ts'
import loadShedding from '../../plugins/load-shedding.ts'
import metrics from '../../plugins/metrics.ts'
import passwords from '../../plugins/passwords.ts'
import type { Configuration } from '../../schemas/configuration.ts'
import { ok, type Check } from './check.ts'

const rounds = 9

/** CPU time of one password in ms, the median of some. */
async function measure(configuration: Configuration): Promise<number> {
  const fastify = Fastify()
  try {
    await fastify.register(configurationPlugin, { configuration })
    for (const plugin of [metrics, loadShedding, passwords]) await fastify.register(plugin)
    await fastify.ready()
    const times: number[] = []
    while (times.length < rounds) {
      const before = process.cpuUsage()
      await fastify.passwords.hash('correct horse battery staple')
      const { user, system } = process.cpuUsage(before)
      times.push((user + system) / 1000)
    }
    return times.sort((one, other) => one - other)[(rounds - 1) / 2] ?? NaN
  } finally {
    await fastify.close()
  }
}

/** Which build hashes passwords, and how fast. Ask nothing else of this process meanwhile. */
export async function checkArgon2(configuration: Configuration): Promise<Check> {
  const found = `${argon2Build}, ${(await measure(configuration)).toFixed(1)} ms of CPU time for a password`
  if (!canTune) return ok('argon2', found)
  const advice = 'Where there is a compiler, npm run tune: with AVX2 it takes little more than half the time'
  return { ...ok('argon2', found), advice }
}
