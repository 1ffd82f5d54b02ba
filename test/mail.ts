import type { LightMyRequestResponse } from 'fastify'
import { PassThrough } from 'node:stream'
import type { ParsedMail } from 'mailparser'
import type { Test } from 'tap'
import type { ConfigurationInput } from '../app.ts'
import { makeStores, startNode, type App, type Stores } from './helper.ts'
import { startSmtp, type Smtp } from './smtp.ts'

export const recipientOf = ({ to }: ParsedMail) => [to].flat()[0]?.text

/** What the link of a mail holds. Both of its parts have the same one. */
export function linkIn({ text = '', html }: ParsedMail) {
  const [url = ''] = /https?:\/\/\S+#\S+/.exec(text) ?? []
  const unescaped = String(html).replaceAll('&#x2F;', '/').replaceAll('&#x3D;', '=').replaceAll('&amp;', '&')
  if (!url || !unescaped.includes(`href="${url}"`)) throw new Error(`no link in ${text}`)
  const parameters = new URLSearchParams(new URL(url).hash.slice(1))
  return { url, purpose: parameters.get('purpose'), token: parameters.get('token') ?? '' }
}

export interface Mailing {
  app: App
  smtp: Smtp
  post: (url: string, payload: object, headers?: Record<string, string>) => Promise<LightMyRequestResponse>
  /** Mails to an address, once all that are due are sent. */
  mailsTo: (email: string, subject?: string) => Promise<ParsedMail[]>
  /** The last of them, with this subject. They arrive in any order. */
  lastTo: (email: string, subject: string) => Promise<ParsedMail>
  /** All that the server has logged, which is all that it can. */
  logged: () => string
}

/** A server that sends its mail to a real SMTP server on loopback. */
export async function buildWithMail(
  t: Test,
  env: ConfigurationInput = {},
  { smtp, stores }: { smtp?: Smtp; stores?: Stores } = {}
): Promise<Mailing> {
  const server = smtp ?? (await startSmtp(t))
  const log = new PassThrough()
  const lines: string[] = []
  log.on('data', (chunk: Buffer) => lines.push(chunk.toString()))
  const app = await startNode(
    stores ?? (await makeStores(t)),
    {
      SMTP_URL: server.url,
      MAIL_FROM: 'Latchkey <accounts@example.com>',
      PUBLIC_URL: 'http://localhost:3000',
      LOG_LEVEL: 'trace',
      // Only where that is what a test is about.
      MAILS_PER_RECIPIENT: 1000,
      ...env
    },
    log
  )
  t.teardown(() => app.close())
  const mailsTo = async (email: string, subject?: string) => {
    await app.scope.mails.deliver()
    return server.received.filter(
      (mail) => recipientOf(mail) === email && (subject === undefined || mail.subject === subject)
    )
  }
  return {
    app,
    smtp: server,
    post: (url, payload, headers = {}) => app.inject({ method: 'POST', url, payload, headers }),
    mailsTo,
    async lastTo(email, subject) {
      const last = (await mailsTo(email, subject)).at(-1)
      if (!last) throw new Error(`no mail "${subject}" to ${email}`)
      return last
    },
    logged: () => lines.join('')
  }
}
