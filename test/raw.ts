import { once } from 'node:events'
import { connect } from 'node:net'
import type { FastifyInstance } from 'fastify'

export interface RawResponse {
  statusCode: number
  headers: Record<string, string>
  body: string
}

/** Sends bytes to the server as they are, which no HTTP client would, and reads the answer to its end. */
export async function sendRaw(app: FastifyInstance, request: string | Buffer): Promise<RawResponse> {
  if (!app.server.listening) await app.listen({ port: 0, host: '127.0.0.1' })
  const address = app.server.address()
  if (address === null || typeof address === 'string') throw new Error('the server does not listen on a port')
  const socket = connect(address.port, '127.0.0.1')
  const chunks: Buffer[] = []
  socket.on('data', (chunk: Buffer) => chunks.push(chunk))
  // The server may close before it has read all: what counts is what it has answered.
  socket.on('error', () => undefined)
  socket.write(request)
  await once(socket, 'close')
  return parse(Buffer.concat(chunks).toString())
}

/** A request that is whole but for what the test makes of it. The connection ends with the answer. */
export function rawRequest(line: string, headers: string[], body: string | Buffer = ''): Buffer {
  const payload = Buffer.from(body)
  const head = [
    `${line} HTTP/1.1`,
    'Host: localhost',
    'Connection: close',
    `Content-Length: ${String(payload.length)}`,
    ...headers,
    '',
    ''
  ].join('\r\n')
  return Buffer.concat([Buffer.from(head, 'latin1'), payload])
}

function parse(answer: string): RawResponse {
  const [head = '', body = ''] = answer.split('\r\n\r\n')
  const [status = '', ...lines] = head.split('\r\n')
  const headers = lines.map((line) => {
    const colon = line.indexOf(':')
    return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()]
  })
  return {
    statusCode: Number(status.split(' ')[1]),
    headers: Object.fromEntries(headers) as Record<string, string>,
    body
  }
}
