import { Problem } from './problem.ts'

export interface ClientCredentials {
  id: string
  secret: string
}

/** RFC 6749 §5.2: 401, with the scheme that the client may use. */
export const invalidClient = (detail: string) =>
  new Problem('invalid_client', detail, { headers: { 'www-authenticate': 'Basic realm="latchkey"' } })

/** RFC 6749 §2.3.1: each half is form-encoded before it is put into the header. */
function formDecode(text: string): string {
  try {
    return decodeURIComponent(text.replaceAll('+', ' '))
  } catch {
    throw invalidClient('The client credentials of the Authorization header are not form-encoded.')
  }
}

function basicCredentials(authorization: string): ClientCredentials {
  const [, encoded] = /^Basic +([\w+/=-]+) *$/i.exec(authorization) ?? []
  const [, id, secret] = /^([^:]*):([^]*)$/.exec(Buffer.from(encoded ?? '', 'base64').toString()) ?? []
  if (id === undefined || secret === undefined)
    throw invalidClient('The Authorization header must be Basic, with client_id and client_secret.')
  return { id: formDecode(id), secret: formDecode(secret) }
}

/**
 * The credentials that a client shows: HTTP Basic, or `client_id` and `client_secret` of the form (RFC 6749
 * §2.3.1). Does NOT check them.
 * @returns undefined where it shows none; a `client_id` alone proves nothing
 * @throws Problem invalid_client, invalid_request
 */
export function clientCredentials(
  authorization: string | undefined,
  form: { client_id: string; client_secret: string }
): ClientCredentials | undefined {
  const { client_id, client_secret } = form
  const basic = authorization === undefined ? undefined : basicCredentials(authorization)
  // RFC 6749 §2.3: no more than one method in a request.
  if (basic && (client_secret !== '' || (client_id !== '' && client_id !== basic.id)))
    throw new Problem('invalid_request', 'Send the client credentials one way only.')
  if (client_secret !== '' && client_id === '')
    throw new Problem('invalid_request', 'client_secret came without client_id.')
  return basic ?? (client_secret === '' ? undefined : { id: client_id, secret: client_secret })
}
