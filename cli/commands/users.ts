import type { Command } from 'commander'
import type { FastifyInstance } from 'fastify'
import type { ErrorObject, ValidateFunction } from 'ajv'
import type { Account } from '../../plugins/users.ts'
import { SignupBody } from '../../schemas/auth.ts'
import { rolePattern } from '../../schemas/users.ts'
import { CommandError } from '../describe-error.ts'
import { withServer } from '../inside.ts'
import { show, table } from '../output.ts'
import { newPassword } from '../password.ts'
import { addImport } from './users-import.ts'

interface Options {
  json?: true
}

/** Who it was, for the security events. */
const by = { ip: null, user_agent: 'latchkey command line' }

const isRole = (role: string) => new RegExp(rolePattern).test(role)
const wrongRole = 'error: a role is 1 to 32 lower-case letters, digits, - and _, beginning with a letter'

async function accountOf({ users }: FastifyInstance, email: string): Promise<Account> {
  const account = await users.findByEmail(email)
  if (!account) throw new CommandError(`There is no user ${email}`)
  return account
}

/** By the rules of POST /auth/signup. */
function checkSignup(
  { validatorCompiler, configuration }: FastifyInstance,
  body: Record<string, unknown>
): void {
  const validate = validatorCompiler?.({
    schema: SignupBody(configuration.PASSWORD_MIN_LENGTH),
    method: 'POST',
    url: '/auth/signup'
  }) as ValidateFunction
  if (validate(body)) return
  const faults = (validate.errors ?? []).map(
    ({ instancePath, message }: ErrorObject) => `${instancePath.slice(1)} ${message ?? 'is not valid'}`
  )
  throw new CommandError(`The user was not made: ${faults.join(', ')}`)
}

/** `latchkey users …` */
export function addUsers(program: Command): void {
  const users = program.command('users').description('accounts and their sessions')

  users
    .command('create')
    .description('make an account; the password is asked for, or read from the standard input')
    .argument('<email>')
    .option('--name <name>', 'for people')
    .option('--role <role>', 'stands in access tokens', 'user')
    .option('--json', 'answer in JSON')
    .addHelpText(
      'after',
      `
Examples:
  $ latchkey users create ada@example.com
  $ latchkey users create ada@example.com --name Ada --role admin < password.txt`
    )
    .action(async (email: string, options: Options & { name?: string; role: string }, command: Command) => {
      if (!isRole(options.role)) command.error(wrongRole)
      const password = await newPassword()
      const user = await withServer(async (server) => {
        const { name, role } = options
        checkSignup(server, { email, password, ...(name === undefined ? {} : { name }) })
        const user = server.users.make(email, name ?? null, role)
        await server.passwordPolicy.check(password, '/password', user)
        const password_hash = await server.passwords.hash(password)
        await server.pg.transact((transaction) => server.users.insert(transaction, user, password_hash))
        server.securityEvents.record({ ...by, type: 'account_created', user_id: user.id })
        return user
      })
      show(options.json, { user }, `Made ${user.email} with the role ${user.role}: ${user.id}`)
    })

  users
    .command('ban')
    .description('disable an account and end all its sessions')
    .argument('<email>')
    .option('--json', 'answer in JSON')
    .addHelpText('after', '\nExamples:\n  $ latchkey users ban mallory@example.com')
    .action(async (email: string, { json }: Options) => {
      const ended = await withServer(async (server) => {
        const { id } = (await accountOf(server, email)).user
        // In this order: a login that is under way either sees it or is among the sessions that end.
        await server.users.setDisabled(id, true)
        server.securityEvents.record({ ...by, type: 'account_disabled', user_id: id })
        return server.sessions.revokeAll(id, 'account_disabled', by)
      })
      show(
        json,
        { email, disabled: true, ended_sessions: ended },
        `${email} is disabled. Sessions ended: ${String(ended.length)}.`
      )
    })

  users
    .command('unban')
    .description('let an account log in again')
    .argument('<email>')
    .option('--json', 'answer in JSON')
    .addHelpText('after', '\nExamples:\n  $ latchkey users unban mallory@example.com')
    .action(async (email: string, { json }: Options) => {
      await withServer(async (server) => {
        const { id } = (await accountOf(server, email)).user
        await server.users.setDisabled(id, false)
        server.securityEvents.record({ ...by, type: 'account_enabled', user_id: id })
      })
      show(json, { email, disabled: false }, `${email} may log in again.`)
    })

  users
    .command('role')
    .description('give an account another role')
    .argument('<email>')
    .argument('<role>')
    .option('--json', 'answer in JSON')
    .addHelpText(
      'after',
      `
Access tokens that are out say the old role until they expire, 15 minutes at most by default. To be sure at once, end
the sessions as well.

Examples:
  $ latchkey users role ada@example.com admin
  $ latchkey users sessions ada@example.com --end all`
    )
    .action(async (email: string, role: string, { json }: Options, command: Command) => {
      if (!isRole(role)) command.error(wrongRole)
      await withServer(async (server) => {
        const { id } = (await accountOf(server, email)).user
        await server.users.setRole(id, role)
        server.securityEvents.record({ ...by, type: 'role_changed', user_id: id })
      })
      show(json, { email, role }, `${email} has the role ${role}, in tokens from the next refresh on.`)
    })

  users
    .command('sessions')
    .description('list the live sessions of an account, or end them')
    .argument('<email>')
    .option('--end <id>', 'end this one, or all')
    .option('--json', 'answer in JSON')
    .addHelpText(
      'after',
      `
Examples:
  $ latchkey users sessions ada@example.com
  $ latchkey users sessions ada@example.com --end 01a205e5-e566-71ef-9c49-321a516f9d51
  $ latchkey users sessions ada@example.com --end all`
    )
    .action(async (email: string, { json, end }: Options & { end?: string }) => {
      await withServer(async (server) => {
        const { id: user_id } = (await accountOf(server, email)).user
        const sessions = await server.sessionRecords.list(user_id)
        if (end === undefined) {
          const rows = sessions.map(({ id, client, created_at, last_used_at, ip, label, user_agent }) => {
            return {
              id,
              client,
              created_at,
              last_used_at,
              ip,
              device: label ?? user_agent?.slice(0, 40) ?? null
            }
          })
          show(json, { sessions }, table(rows, `${email} has no live session.`))
          return
        }
        const chosen = sessions.map(({ id }) => id).filter((id) => end === 'all' || id === end)
        if (end !== 'all' && chosen.length === 0)
          throw new CommandError(`${email} has no live session ${end}`)
        const ended = await server.sessions.revoke(chosen, 'ended_by_administrator', by, user_id)
        show(json, { ended_sessions: ended }, `Sessions ended: ${String(ended.length)}.`)
      })
    })

  addImport(users)
}
