import { once } from 'node:events'
import { createServer, type IncomingHttpHeaders } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { Webhook } from 'standardwebhooks'
import type { Test } from 'tap'

export const webhookSecret = `whsec_${Buffer.alloc(32, 7).toString('base64')}`

export interface Received {
  id: string
  headers: IncomingHttpHeaders
  body: string
  message: { type: string; timestamp: string; data: Record<string, string> }
}

export interface Receiver {
  url: string
  /** What came with a good signature. */
  received: Received[]
  /** What it answers from now on. */
  status: number
}

/** A receiver of webhooks that checks them by the library of Standard Webhooks. */
export async function startReceiver(t: Test, port = 0, secret = webhookSecret): Promise<Receiver> {
  const webhook = new Webhook(secret)
  const receiver: Receiver = { url: '', received: [], status: 204 }
  const server = createServer((request, response) => {
    void text(request).then(
      (body) => {
        const message = webhook.verify(body, request.headers as Record<string, string>) as Received['message']
        receiver.received.push({
          id: String(request.headers['webhook-id']),
          headers: request.headers,
          body,
          message
        })
        response.writeHead(receiver.status, { location: '/elsewhere' }).end('an answer that nobody reads')
      },
      () => undefined
    )
  })
  server.listen(port, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  receiver.url = `http://127.0.0.1:${String((server.address() as AddressInfo).port)}/hooks?of=latchkey`
  return receiver
}
