import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { FastifyRequest } from 'fastify'
import { Problem } from '../../lib/problem.ts'
import type { IssuedTokens, SignIn } from '../../lib/session.ts'
import { normalizeEmail } from '../../lib/user.ts'
import { Accepted, answers } from '../../schemas/answers.ts'
import { SignupBody } from '../../schemas/auth.ts'
import { ConfirmSignupBody } from '../../schemas/email.ts'
import { SignInHeaders } from '../../schemas/headers.ts'
import { TokenAnswer } from '../../schemas/tokens.ts'

const signup: FastifyPluginAsyncTypebox = async (fastify) => {
  const { SIGNUP_CONFIRM } = fastify.configuration

  const askToConfirm = async (request: FastifyRequest<{ Body: SignupBody }>): Promise<undefined> => {
    const { email, password, name = null } = request.body
    await fastify.throttles.mail(request.cameFrom(), email)
    const password_hash = await fastify.passwords.hash(password)
    // OWASP ASVS 5.0 V6.3.8: whether the address is taken, nobody asks before the answer is out.
    await fastify.mails.order({ kind: 'signup', email: normalizeEmail(email), name, password_hash })
  }

  const signUp = async (
    request: FastifyRequest<{ Body: SignupBody }>,
    signIn: SignIn
  ): Promise<IssuedTokens> => {
    const { email, password, name = null } = request.body
    const user = fastify.users.make(email, name)
    return fastify.throttles.signup(request.cameFrom(), async () => {
      const password_hash = await fastify.passwords.hash(password)
      return fastify.sessions.start(user, ['pwd'], signIn, {
        async insertUser(transaction) {
          await fastify.users.insert(transaction, user, password_hash)
          await fastify.mails.order({ kind: 'verify_email', user_id: user.id }, transaction)
        }
      })
    })
  }

  fastify.post(
    '/auth/signup',
    {
      onRequest: fastify.refuseCrossSite,
      schema: {
        tags: ['auth'],
        summary: 'Make an account and log in',
        description:
          'With `SIGNUP_CONFIRM` always 202: the mail says the rest, also where the address is taken.',
        headers: SignInHeaders,
        body: SignupBody(fastify.configuration.PASSWORD_MIN_LENGTH),
        response: { ...answers(201, TokenAnswer), ...answers(202, Accepted) }
      }
    },
    async (request, reply) => {
      const signIn = request.signIn()
      const { email, password, name = null } = request.body
      const issued = await fastify.passwords.admit(async () => {
        // May ask elsewhere whether the password is known from a breach, and nobody else waits for that.
        await fastify.passwordPolicy.check(password, '/password', { email, name })
        return fastify.passwords.takeTurn(request, () =>
          SIGNUP_CONFIRM ? askToConfirm(request) : signUp(request, signIn)
        )
      })
      if (!issued) return reply.code(202).send({})
      return reply.code(201).setDeviceCookie(signIn).sendTokens(issued)
    }
  )

  fastify.post(
    '/auth/signup/confirm',
    {
      onRequest: [fastify.mails.required, fastify.refuseCrossSite],
      schema: {
        tags: ['auth'],
        summary: 'Make the account by the link of a mail, and log in',
        description:
          'With `SIGNUP_CONFIRM`. The password is that of the sign-up: who has only the mail can not tell who chose it.',
        headers: SignInHeaders,
        body: ConfirmSignupBody,
        response: answers(201, TokenAnswer)
      }
    },
    async (request, reply) => {
      const signIn = request.signIn()
      const { token, password } = request.body
      const issued = await fastify.passwords.admit(() =>
        fastify.passwords.takeTurn(request, async () => {
          const { email, name, password_hash } = await fastify.pendingSignups.find(token)
          // Without it, the owner of an address would confirm the account that a stranger has the password of.
          const proved = await fastify.throttles.login(email, request.cameFrom(), null, () =>
            fastify.passwords.verify(password_hash, password)
          )
          if (!proved)
            throw new Problem(
              'invalid_credentials',
              'This is not the password of the sign-up. If somebody else signed up with your address, sign up yourself.'
            )
          const user = { ...fastify.users.make(email, name), email_verified: true }
          return fastify.sessions.start(user, ['pwd'], signIn, {
            async insertUser(transaction) {
              await fastify.pendingSignups.use(transaction, token)
              await fastify.users.insert(transaction, user, password_hash)
            }
          })
        })
      )
      return reply.code(201).setDeviceCookie(signIn).sendTokens(issued)
    }
  )
}

export default signup
