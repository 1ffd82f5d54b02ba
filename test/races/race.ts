import type { LightMyRequestResponse } from 'fastify'
import { setImmediate } from 'node:timers/promises'
import type { Test } from 'tap'
import { bearer, codeOf, refresh, refreshCookie, type App } from '../helper.ts'

/** Head starts that a race is run with, in turns of the event loop, so that each of its orders comes up. */
export const headStarts = [0, 1, 2, 4, 8, 16]

/** The same for either of two. */
export const starts = [
  ...headStarts.map((turns) => [0, turns]),
  ...headStarts.map((turns) => [turns * 4, 0])
] as [number, number][]

/** Does `work` some turns of the event loop later: nothing waits for a time, and no order is forced. */
export async function after<Result>(turns: number, work: () => Promise<Result>): Promise<Result> {
  for (let turn = 0; turn < turns; turn += 1) await setImmediate()
  return work()
}

/** What an answer says: the code of a problem, else the status. */
export const outcome = (response: LightMyRequestResponse) =>
  response.statusCode < 400 ? String(response.statusCode) : codeOf(response)

/** Tells how often each outcome came up. */
export function reportOutcomes(t: Test, responses: LightMyRequestResponse[]): void {
  const counts = new Map<string, number>()
  for (const response of responses) counts.set(outcome(response), (counts.get(outcome(response)) ?? 0) + 1)
  t.comment([...counts].map(([what, times]) => `${what} ${String(times)} times`).join(', '))
}

/** As many refreshes of one token as asked for, at the same time, on all the nodes in turn. */
export function refreshAtOnce(nodes: App[], refresh_token: string, times: number) {
  return Promise.all(
    Array.from({ length: times }, (_, index) => {
      const node = nodes[index % nodes.length]
      if (!node) throw new Error('there is no node')
      return refresh(node, refresh_token)
    })
  )
}

export const logOut = (app: App, refresh_token: string) =>
  app.inject({
    method: 'POST',
    url: '/auth/logout',
    headers: { cookie: `${refreshCookie}=${refresh_token}` }
  })

export const logOutEverywhere = (app: App, access_token: string) =>
  app.inject({ method: 'POST', url: '/auth/logout/all', headers: bearer(access_token) })

/** The generation that a refresh token says it is. */
export function genOf(refresh_token: string): number {
  const [, payload = ''] = refresh_token.split('.')
  return (JSON.parse(Buffer.from(payload, 'base64url').toString()) as { gen: number }).gen
}
