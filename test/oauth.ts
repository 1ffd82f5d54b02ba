import type { InjectOptions } from 'fastify'
import type { App } from './helper.ts'

export interface Client {
  id: string
  secret: string
}

export const makeClient = (app: App): Promise<Client> => app.scope.oauthClients.create('a service')

/** RFC 6749 §2.3.1 */
export const basic = ({ id, secret }: Client) => ({
  authorization: `Basic ${Buffer.from(`${encodeURIComponent(id)}:${encodeURIComponent(secret)}`).toString('base64')}`
})

/** A form, as OAuth clients send it. */
export function postForm(
  app: App,
  url: string,
  form: Record<string, string> | [string, string][],
  headers: InjectOptions['headers'] = {}
) {
  return app.inject({
    method: 'POST',
    url,
    headers: { 'content-type': 'application/x-www-form-urlencoded', ...headers },
    payload: new URLSearchParams(form).toString()
  })
}

export const introspect = async (app: App, client: Client, token: string) =>
  (await postForm(app, '/oauth/introspect', { token }, basic(client))).json<Record<string, unknown>>()
