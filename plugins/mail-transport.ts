import fp from 'fastify-plugin'
import { createTransport } from 'nodemailer'
import { MailNotSent } from '../lib/mail-not-sent.ts'
import type { Mail } from '../lib/mail.ts'

declare module 'fastify' {
  interface FastifyInstance {
    mailTransport: MailTransport
  }
}

export interface MailTransport {
  /**
   * `smtp` sends. `outbox`, in development without `SMTP_URL`, keeps mails for /dev/outbox. `off`, elsewhere without
   * `SMTP_URL`, has none.
   */
  kind: 'smtp' | 'outbox' | 'off'
  /** Hands a mail to the SMTP server. @throws MailNotSent */
  send(mail: Mail): Promise<void>
  /** Logs in to the SMTP server, and sends nothing. @throws MailNotSent */
  verify(): Promise<void>
}

/** ms, each */
const deadlines = { connectionTimeout: 10_000, greetingTimeout: 10_000, socketTimeout: 30_000 }

/** Mails that are handed over at the same time. */
const maxConnections = 5

/** Decorates `fastify.mailTransport`. */
export default fp(
  async (fastify) => {
    const { SMTP_URL, MAIL_FROM, NODE_ENV, PUBLIC_URL } = fastify.configuration
    if (SMTP_URL === undefined) {
      const kind = NODE_ENV === 'development' ? 'outbox' : 'off'
      if (kind === 'outbox') fastify.log.info(`mail: none leaves, all are at ${PUBLIC_URL}/dev/outbox`)
      else fastify.log.warn('mail is off, and what needs it answers mail_not_configured: SMTP_URL is not set')
      const refuse = async () => Promise.reject(new MailNotSent('SMTP_URL is not set', undefined, false))
      fastify.decorate('mailTransport', { kind, send: refuse, verify: refuse })
      return
    }

    const transport = createTransport({
      url: SMTP_URL,
      pool: true,
      maxConnections,
      ...deadlines,
      // OWASP ASVS 5.0 V12.3.1: our password for the SMTP server leaves under TLS or not at all.
      requireTLS: new URL(SMTP_URL).username !== '',
      // Nothing in a mail may make it read a file or a URL of this machine.
      disableFileAccess: true,
      disableUrlAccess: true
    })
    fastify.addHook('onClose', () => {
      transport.close()
    })
    const refusal = (error: unknown) => {
      const { code, responseCode, command } = error as {
        code?: string
        responseCode?: number
        command?: string
      }
      const final = command === 'RCPT TO' && Number(responseCode) >= 500
      return new MailNotSent(code ?? 'unknown', responseCode, final)
    }
    fastify.decorate('mailTransport', {
      kind: 'smtp',
      async send(mail) {
        try {
          // RFC 3834 §5: no vacation notice is to come back.
          await transport.sendMail({
            ...mail,
            from: MAIL_FROM,
            headers: { 'Auto-Submitted': 'auto-generated' }
          })
        } catch (error) {
          throw refusal(error)
        }
      },
      async verify() {
        try {
          await transport.verify()
        } catch (error) {
          throw refusal(error)
        }
      }
    })
  },
  { name: 'mail-transport', dependencies: ['configuration'] }
)
