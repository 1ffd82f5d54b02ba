import argon2 from 'argon2'
import { availableParallelism } from 'node:os'

/** Those of plugins/passwords.ts. */
export const parameters = { type: argon2.argon2id, memoryCost: 19_456, timeCost: 2, parallelism: 1 } as const

/** ms of CPU time that one hash takes, alone. The first ones take longer, as their memory is new to the process. */
export async function hashTime(hashes = 20): Promise<number> {
  await hashInTurn(hashes)
  const before = process.cpuUsage()
  await hashInTurn(hashes)
  const { user, system } = process.cpuUsage(before)
  return (user + system) / 1000 / hashes
}

async function hashInTurn(hashes: number): Promise<void> {
  for (let hash = 0; hash < hashes; hash++) await argon2.hash('correct horse battery staple', parameters)
}

/** What the cores could do in a second, had they nothing else to do. */
export const hashesPerSecond = (hash_ms: number) => (availableParallelism() * 1000) / hash_ms
