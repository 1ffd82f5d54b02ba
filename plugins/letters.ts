import fp from 'fastify-plugin'
import { deviceName } from '../lib/device-name.ts'
import { describeDuration } from '../lib/duration.ts'
import type { Mail, MailOrder } from '../lib/mail.ts'
import { networkOf } from '../lib/network.ts'

declare module 'fastify' {
  interface FastifyInstance {
    letters: Letters
  }
}

export interface Letters {
  /**
   * Writes the mail that an order comes to, with a new token where it has a link: an earlier one is worth nothing
   * from then on. Goes to the address that the account has, never to one as it was typed.
   * @returns undefined where there is nothing to send, as nobody has an account with the address
   */
  write(order: MailOrder): Promise<Mail | undefined>
}

/** The network and not the address, which would tell where somebody is to whoever reads the mail. */
function describeNetwork(ip: string | null): string {
  const network = networkOf(ip)
  if (network === '') return 'unknown'
  return `${network}/${network.includes(':') ? '48' : '24'}`
}

/** 2026-01-31 12:00 UTC */
const describeTime = (at: string) => `${at.slice(0, 16).replace('T', ' ')} UTC`

/** Decorates `fastify.letters`: what is written to whom. No name stands in a mail: strangers may have chosen it. */
export default fp(
  async (fastify) => {
    const { users, emailTokens, pendingSignups, mailTemplates, securityEvents } = fastify
    const { PUBLIC_URL, MAIL_LINK_URL, EMAIL_VERIFICATION_TTL, PASSWORD_RESET_TTL } = fastify.configuration
    const page = MAIL_LINK_URL ?? `${PUBLIC_URL}/auth/confirm`

    // In the fragment, which no server gets, no log and no Referer has; opening the page alone uses nothing up.
    const linkTo = (purpose: string, token: string, life: number) => ({
      link: `${page}#purpose=${purpose}&token=${token}`,
      life: describeDuration(life)
    })

    fastify.decorate('letters', {
      async write(order) {
        const letter = (to: string, template: string, values: Record<string, string>): Mail => ({
          to,
          ...mailTemplates.render(template, { email: to, ...values })
        })

        switch (order.kind) {
          case 'verify_email': {
            const user = await users.findById(order.user_id)
            if (!user || user.email_verified) return undefined
            const life = EMAIL_VERIFICATION_TTL
            const token = await emailTokens.issue(
              'verify_email',
              { user_id: user.id, email: user.email },
              life
            )
            return letter(user.email, 'verify-email', linkTo('verify_email', token, life))
          }
          case 'password_reset': {
            const account = await users.findByEmail(order.email)
            if (!account || account.disabled) return undefined
            const { id: user_id, email } = account.user
            const life = PASSWORD_RESET_TTL
            const token = await emailTokens.issue('password_reset', { user_id, email }, life)
            securityEvents.record({ ...order.by, type: 'password_reset_requested', user_id })
            return letter(email, 'password-reset', linkTo('password_reset', token, life))
          }
          case 'email_change': {
            const { user_id, sid, email } = order
            const taken = await users.findByEmail(email)
            if (taken?.user.id === user_id) return undefined
            if (taken) return letter(email, 'email-taken', {})
            const life = EMAIL_VERIFICATION_TTL
            const token = await emailTokens.issue('email_change', { user_id, email, sid }, life)
            return letter(email, 'email-change', linkTo('email_change', token, life))
          }
          case 'signup': {
            const { kind: _, ...signup } = order
            const taken = await users.findByEmail(signup.email)
            if (taken) return letter(taken.user.email, 'signup-taken', {})
            const life = EMAIL_VERIFICATION_TTL
            const token = await pendingSignups.add(signup, life)
            return letter(signup.email, 'signup', linkTo('signup', token, life))
          }
          case 'notice':
            return letter(order.to, order.notice.replaceAll('_', '-'), {
              time: describeTime(order.at),
              device: deviceName(order.by.user_agent),
              network: describeNetwork(order.by.ip),
              new_email: order.new_email ?? ''
            })
        }
      }
    })
  },
  {
    name: 'letters',
    dependencies: [
      'configuration',
      'users',
      'email-tokens',
      'pending-signups',
      'mail-templates',
      'security-events'
    ]
  }
)
