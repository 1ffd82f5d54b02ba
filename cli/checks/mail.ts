import Fastify from 'fastify'
import configurationPlugin from '../../plugins/configuration.ts'
import mailTransport from '../../plugins/mail-transport.ts'
import type { Configuration } from '../../schemas/configuration.ts'
import { describeError } from '../describe-error.ts'
import { failed, ok, warning, type Check } from './check.ts'

/** Logs in to the SMTP server and sends nothing. Does NOT tell whether it takes mails from `MAIL_FROM`. */
export async function checkMail(configuration: Configuration): Promise<Check> {
  const fastify = Fastify()
  try {
    await fastify.register(configurationPlugin, { configuration })
    await fastify.register(mailTransport)
    await fastify.ready()
    const { kind } = fastify.mailTransport
    if (kind === 'outbox') return ok('mail', 'none leaves, all are at /dev/outbox')
    if (kind === 'off') {
      const advice = 'Set SMTP_URL and MAIL_FROM: without mail nobody can reset a password'
      return warning('mail', 'off', advice)
    }
    await fastify.mailTransport.verify()
    return ok('mail', 'the SMTP server answers')
  } catch (error) {
    const advice =
      'Is SMTP_URL right, with user and password, and may this machine reach it? Mails wait for a day'
    return failed('mail', describeError(error), advice)
  } finally {
    await fastify.close()
  }
}
