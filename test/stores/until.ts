import { setTimeout } from 'node:timers/promises'

/** Thrown by a probe when waiting longer cannot help. */
export class Hopeless extends Error {}

export interface UntilOptions {
  /** The deadline, in milliseconds. */
  within?: number
  /** Adds what is known at the deadline to the error, such as the last lines of a log. */
  explain?: () => string
}

/**
 * Asks `probe` until it answers something truthy, and gives that answer. A probe that throws has not
 * answered yet. Rejects at the deadline with the last error as its cause.
 */
export async function until<Answer>(
  what: string,
  probe: () => Promise<Answer | false | undefined>,
  { within = 20_000, explain = () => '' }: UntilOptions = {}
): Promise<Answer> {
  const deadline = performance.now() + within
  for (;;) {
    let cause: unknown
    try {
      const answer = await probe()
      if (answer) return answer
    } catch (error) {
      if (error instanceof Hopeless) throw error
      cause = error
    }
    if (performance.now() > deadline) {
      throw new Error(`Waited ${within} ms for ${what}. ${explain()}`, { cause })
    }
    await setTimeout(10)
  }
}
