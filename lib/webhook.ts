import { Webhook } from 'standardwebhooks'

/** A message of Standard Webhooks (https://www.standardwebhooks.com), as it is sent. */
export interface WebhookMessage {
  /** Stays the same at every attempt, so that the receiver can tell. */
  id: string
  type: string
  /** JSON: `{ type, timestamp, data }` */
  payload: string
}

/** Ids and a reason, and no more: whoever needs more asks with them. */
export interface WebhookData {
  user_id?: string | undefined
  session_id?: string | undefined
  reason?: string | undefined
}

export const makeMessage = (id: string, type: string, time: Date, data: WebhookData): WebhookMessage => ({
  id,
  type,
  payload: JSON.stringify({ type, timestamp: time.toISOString(), data })
})

/** The headers that prove a message, signed with each secret: the receiver knows one of them. */
export function signedHeaders({ id, payload }: WebhookMessage, secrets: readonly string[], time: Date) {
  return {
    'content-type': 'application/json',
    'user-agent': 'latchkey',
    'webhook-id': id,
    'webhook-timestamp': String(Math.floor(time.getTime() / 1000)),
    'webhook-signature': secrets.map((secret) => new Webhook(secret).sign(id, time, payload)).join(' ')
  }
}

/** Seconds after each attempt that failed: what Standard Webhooks suggests, three days in all. */
const pauses = [5, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400]

/**
 * Seconds until the next attempt, up to a fifth more, so that what failed together does not come back together.
 * @param attempts how many there were
 * @returns undefined where there is to be none
 */
export function pauseAfter(attempts: number): number | undefined {
  const pause = pauses[attempts - 1]
  return pause === undefined ? undefined : pause * (1 + 0.2 * Math.random())
}

/** `whsec_` and 24 to 64 bytes in Base64. */
export function isWebhookSecret(text: string): boolean {
  const [, encoded] = /^whsec_([A-Za-z0-9+/]+={0,2})$/.exec(text) ?? []
  if (encoded === undefined || encoded.length % 4 !== 0) return false
  const { length } = Buffer.from(encoded, 'base64')
  return length >= 24 && length <= 64
}
