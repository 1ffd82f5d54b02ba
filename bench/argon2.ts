import argon2 from 'argon2'
import { availableParallelism } from 'node:os'

/** Those of plugins/passwords.ts. */
export const parameters = { type: argon2.argon2id, memoryCost: 19_456, timeCost: 2, parallelism: 1 } as const

/** ms of CPU time that one hash takes, alone. */
export async function hashTime(hashes = 10): Promise<number> {
  const before = process.cpuUsage()
  for (let hash = 0; hash < hashes; hash++) await argon2.hash('correct horse battery staple', parameters)
  const { user, system } = process.cpuUsage(before)
  return (user + system) / 1000 / hashes
}

/** What the cores could do in a second, had they nothing else to do. */
export const hashesPerSecond = (hash_ms: number) => (availableParallelism() * 1000) / hash_ms
