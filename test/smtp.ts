import { once } from 'node:events'
import { simpleParser, type ParsedMail } from 'mailparser'
import { SMTPServer, type SMTPServerOptions } from 'smtp-server'
import type { Test } from 'tap'

/** A real SMTP server on loopback, which takes every mail. */
export interface Smtp {
  /** `smtp://127.0.0.1:…`, the same after a new start. */
  url: string
  received: ParsedMail[]
  /** Until then, nobody listens there. */
  start(): Promise<void>
  stop(): Promise<void>
}

export async function startSmtp(t: Test, options: SMTPServerOptions = {}): Promise<Smtp> {
  const received: ParsedMail[] = []
  let server: SMTPServer | undefined
  let port = 0
  const start = async () => {
    server = new SMTPServer({
      authOptional: true,
      hideSTARTTLS: true,
      closeTimeout: 1,
      logger: false,
      onData(stream, _session, done) {
        simpleParser(stream).then((mail) => {
          received.push(mail)
          done()
        }, done)
      },
      ...options
    })
    // A client that gives up in the middle.
    server.on('error', () => undefined)
    const listening = server.listen(port, '127.0.0.1')
    await once(listening, 'listening')
    const address = listening.address()
    if (typeof address === 'object' && address) port = address.port
  }
  const stop = async () => {
    const stopped = server
    server = undefined
    if (stopped)
      await new Promise<void>((resolve) => {
        stopped.close(resolve)
      })
  }
  await start()
  t.teardown(stop)
  return { url: `smtp://127.0.0.1:${String(port)}`, received, start, stop }
}
