import { Agent } from 'node:http'
import { bearer, password } from '../helper.ts'
import { ask, NotConnected, signUp, type Answer } from './process.ts'

export interface Load {
  /** Requests that were answered, by status. */
  answers: Map<number, number>
  /** Connections that were in use, or requests that were under way, and were cut. */
  broken: string[]
  /** Resolves once no client is connected any more. */
  done: Promise<unknown>
}

/** Clients that sign up and then ask one thing after another over a kept connection, until none is taken. */
export function load(url: string, clients: number): Load {
  const answers = new Map<number, number>()
  const broken: string[] = []

  const client = async (number: number) => {
    const agent = new Agent({ keepAlive: true, maxSockets: 1 })
    const email = `client-${String(number)}@example.com`
    let tokens = await signUp(url, email, agent)

    const me = () => ask('GET', `${url}/auth/me`, { headers: bearer(tokens.access_token), agent })
    const logIn = () => ask('POST', `${url}/auth/login`, { body: { email, password }, agent })
    const refresh = async () => {
      const answer = await ask('POST', `${url}/auth/refresh`, {
        headers: bearer(tokens.refresh_token),
        agent
      })
      if (answer.status === 200) tokens = JSON.parse(answer.body) as typeof tokens
      return answer
    }
    const once: () => Promise<Answer> = [me, refresh, logIn][number % 3] ?? me
    try {
      for (;;) {
        const { status } = await once()
        answers.set(status, (answers.get(status) ?? 0) + 1)
      }
    } catch (error) {
      if (!(error instanceof NotConnected)) broken.push(`${once.name}: ${String(error)}`)
    }
    agent.destroy()
  }

  const done = Promise.all(Array.from({ length: clients }, (_, number) => client(number)))
  return { answers, broken, done }
}
