import type { onRequestHookHandler } from 'fastify'
import fp from 'fastify-plugin'
import { setTimeout as sleep } from 'node:timers/promises'
import PQueue from 'p-queue'
import type { PoolClient } from 'pg'
import { v7 as uuidv7 } from 'uuid'
import { decryptJwe, encryptJwe } from '../lib/jwe.ts'
import { MailNotSent } from '../lib/mail-not-sent.ts'
import type { Mail, MailOrder } from '../lib/mail.ts'
import { Problem } from '../lib/problem.ts'

declare module 'fastify' {
  interface FastifyInstance {
    mails: Mails
  }
}

export interface Mails {
  /** `onRequest` hook of routes that are nothing without mail. */
  required: onRequestHookHandler
  /**
   * Notes that a mail is to be sent, which happens behind the answer. Nothing where mail is off.
   * @param transaction a client inside one, where the mail is to be one with what else happens there
   */
  order(order: MailOrder, transaction?: PoolClient): Promise<void>
  /** Sends all that are due. Never throws: what can not be sent now is tried again. */
  deliver(): Promise<void>
  /** The mails of the development outbox, the newest first. */
  kept(): Promise<KeptMail[]>
}

export interface KeptMail extends Mail {
  sent_at: string
}

/** ms from one look for mails that other nodes left, or that are to be tried again, to the next. */
const interval = 5000

/**
 * ms after an order in which it is looked at, at random: whether there was something to send would else be told by how
 * long the next request takes. One that is not committed by then is found by the next look.
 */
const wait = 1000

/** Mails that one look takes. */
const batch = 5

/** Seconds for which a mail is left to who took it: more than the deadlines of SMTP together. */
const lease = 120

/** Seconds before the first of the further attempts; twice as long before each next one, an hour at most. */
const backoff = 10
const longestBackoff = 3600

/** Hours after which a mail is given up. */
const life = 24

/** Mails that the development outbox keeps. */
const keptLimit = 100

/** ms for which an end of the server waits for mails on their way. */
const closeDelay = 3000

interface Due {
  id: string
  content: string
  attempts: number
  is_old: boolean
}

/**
 * Decorates `fastify.mails`: the table `mails`. A mail that was ordered is sent although the process dies, by
 * whichever node is there; in a rare case (it died between the sending and its note of it) twice.
 */
export default fp(
  async (fastify) => {
    const { mailTransport: transport, letters, metrics, pg } = fastify
    const { current, accepted } = fastify.secretKeys.for('mail')
    const { PUBLIC_URL } = fastify.configuration
    // In the order in which they were asked for: of several links, the last one is good.
    const writing = new PQueue({ concurrency: 1 })
    let closing = false

    const encrypt = (content: MailOrder | KeptMail) =>
      encryptJwe(Buffer.from(JSON.stringify(content)), current)
    const decrypt = async (content: string): Promise<unknown> =>
      JSON.parse(Buffer.from(await decryptJwe(content, accepted)).toString())
    const remove = (id: string) => pg.query('DELETE FROM mails WHERE id = $1', [id])

    const keep = async (id: string, mail: Mail) => {
      const sent_at = new Date()
      const content = await encrypt({ ...mail, sent_at: sent_at.toISOString() })
      await pg.query('UPDATE mails SET content = $2, sent_at = $3 WHERE id = $1', [id, content, sent_at])
      await pg.query(
        `DELETE FROM mails WHERE id IN (
           SELECT id FROM mails WHERE sent_at IS NOT NULL ORDER BY sent_at DESC, id DESC OFFSET $1)`,
        [keptLimit]
      )
      fastify.log.info(`a mail is at ${PUBLIC_URL}/dev/outbox`)
    }

    const send = async ({ id, content }: Due) => {
      const mail = await writing.add(async () => letters.write((await decrypt(content)) as MailOrder))
      if (mail && transport.kind === 'outbox') return keep(id, mail)
      if (mail) {
        await transport.send(mail)
        metrics.mails.inc({ result: 'sent' })
      }
      await remove(id)
    }

    const attempt = async (due: Due) => {
      const { id, attempts } = due
      try {
        await send(due)
      } catch (error) {
        const given_up = due.is_old || (error instanceof MailNotSent && error.final)
        metrics.mails.inc({ result: given_up ? 'given_up' : 'failed' })
        fastify.log.warn({ err: error, mail: id, attempts, given_up }, 'a mail was not sent')
        if (given_up) await remove(id)
        else
          await pg.query(
            'UPDATE mails SET next_attempt_at = now() + make_interval(secs => $2) WHERE id = $1',
            [id, Math.min(backoff * 2 ** (attempts - 1), longestBackoff)]
          )
      }
    }

    const take = async () => {
      const { rows } = await pg.query<Due>({
        name: 'take due mails',
        text: `UPDATE mails SET attempts = attempts + 1, next_attempt_at = now() + make_interval(secs => $1)
                WHERE id IN (SELECT id FROM mails WHERE sent_at IS NULL AND next_attempt_at <= now()
                              ORDER BY next_attempt_at LIMIT $2 FOR UPDATE SKIP LOCKED)
            RETURNING id, content, attempts, created_at < now() - make_interval(hours => $3) AS is_old`,
        values: [lease, batch, life]
      })
      return rows.sort((one, other) => (one.id < other.id ? -1 : 1))
    }

    const deliverDue = async () => {
      try {
        let taken = batch
        while (taken === batch && !closing) {
          const due = await take()
          await Promise.all(due.map(attempt))
          taken = due.length
        }
      } catch (error) {
        fastify.log.warn({ err: error }, 'mails are put off')
      }
    }

    // However many ask while one round is under way, one more follows it.
    let delivering = Promise.resolve()
    let next: Promise<void> | undefined
    const deliver = () =>
      (next ??= delivering =
        delivering.then(() => {
          next = undefined
          return deliverDue()
        }))

    if (transport.kind !== 'off') {
      const timer = setInterval(() => void deliver(), interval)
      timer.unref()
      fastify.addHook('onClose', async () => {
        closing = true
        clearInterval(timer)
        await Promise.race([delivering, sleep(closeDelay, undefined, { ref: false })])
      })
    }

    fastify.decorate('mails', {
      required(_request, _reply, done) {
        if (transport.kind !== 'off') done()
        else done(new Problem('mail_not_configured', 'This server sends no mail: its SMTP_URL is not set.'))
      },

      async order(order, transaction) {
        if (transport.kind === 'off') return
        await (transaction ?? pg).query('INSERT INTO mails (id, content) VALUES ($1, $2)', [
          uuidv7(),
          await encrypt(order)
        ])
        setTimeout(() => void deliver(), wait * Math.random()).unref()
      },

      deliver,

      async kept() {
        const { rows } = await pg.query<{ content: string }>(
          'SELECT content FROM mails WHERE sent_at IS NOT NULL ORDER BY sent_at DESC, id DESC'
        )
        return Promise.all(rows.map(async ({ content }) => (await decrypt(content)) as KeptMail))
      }
    })
  },
  {
    name: 'mails',
    dependencies: ['configuration', 'metrics', 'postgres', 'secret-keys', 'mail-transport', 'letters']
  }
)
