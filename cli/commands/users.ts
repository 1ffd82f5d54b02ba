import type { Command } from 'commander'
import type { FastifyInstance } from 'fastify'
import type { TObject } from '@sinclair/typebox'
import type { ErrorObject, ValidateFunction } from 'ajv'
import type { Account } from '../../plugins/users.ts'
import { AdministerUserBody } from '../../schemas/admin.ts'
import { SignupBody } from '../../schemas/auth.ts'
import { Role } from '../../schemas/common.ts'
import { CommandError } from '../describe-error.ts'
import { withServer } from '../inside.ts'
import { show, table } from '../output.ts'
import { newPassword } from '../password.ts'
import { addImport } from './users-import.ts'

interface Options {
  json?: true
}

/** Who it was, for the security events. */
const by = { ip: null, user_agent: 'latchkey command line', actor: 'command_line' } as const

const isRole = (role: string) => new RegExp(Role.pattern ?? '').test(role)
const wrongRole = 'error: a role is 1 to 32 lower-case letters, digits, - and _, beginning with a letter'

/** @returns ms, or NaN for what is no time */
const timeOf = (text: string) =>
  /^\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d)?(\.\d+)?(Z|[+-]\d\d:\d\d))?$/.test(text) ? Date.parse(text) : NaN

async function accountOf({ users }: FastifyInstance, email: string): Promise<Account> {
  const account = await users.findByEmail(email)
  if (!account) throw new CommandError(`There is no user ${email}`)
  return account
}

/** By the rules of a route. @param otherwise what is then not so */
function check(
  { validatorCompiler }: FastifyInstance,
  schema: TObject,
  body: Record<string, unknown>,
  otherwise: string
): void {
  const validate = validatorCompiler?.({ schema, method: 'POST', url: '/' }) as ValidateFunction
  if (validate(body)) return
  const faults = (validate.errors ?? []).map(
    ({ instancePath, message }: ErrorObject) => `${instancePath.slice(1)} ${message ?? 'is not valid'}`
  )
  throw new CommandError(`${otherwise}: ${faults.join(', ')}`)
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
        const body = { email, password, ...(name === undefined ? {} : { name }) }
        check(server, SignupBody(server.configuration.PASSWORD_MIN_LENGTH), body, 'The user was not made')
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
    .option('--reason <reason>', 'for administrators')
    .option('--until <time>', 'when it is over by itself, as 2027-01-31 or 2027-01-31T12:00:00Z')
    .option('--json', 'answer in JSON')
    .addHelpText(
      'after',
      `
Examples:
  $ latchkey users ban mallory@example.com
  $ latchkey users ban mallory@example.com --reason "sends spam" --until 2027-01-31`
    )
    .action(
      async (
        email: string,
        { json, reason, until }: Options & { reason?: string; until?: string },
        command: Command
      ) => {
        const end = until === undefined ? null : timeOf(until)
        if (end !== null && !(end > Date.now())) command.error('error: --until is a time in the future')
        const disabled = { reason: reason ?? null, until: end === null ? null : new Date(end).toISOString() }
        const ended = await withServer(async (server) => {
          check(server, AdministerUserBody, { disabled }, 'The account was not disabled')
          return server.accounts.update((await accountOf(server, email)).user.id, { disabled }, by)
        })
        show(
          json,
          { email, disabled, ended_sessions: ended },
          `${email} is disabled${disabled.until ? ` until ${disabled.until}` : ''}. Sessions ended: ${String(ended.length)}.`
        )
      }
    )

  users
    .command('unban')
    .description('let an account log in again')
    .argument('<email>')
    .option('--json', 'answer in JSON')
    .addHelpText('after', '\nExamples:\n  $ latchkey users unban mallory@example.com')
    .action(async (email: string, { json }: Options) => {
      await withServer(async (server) => {
        await server.accounts.update((await accountOf(server, email)).user.id, { disabled: null }, by)
      })
      show(json, { email, disabled: null }, `${email} may log in again.`)
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
Access tokens that are out say the old role until they expire, 15 minutes at most by default. The routes under /admin go
by the new one at once; for the rest end the sessions as well.

Examples:
  $ latchkey users role ada@example.com admin
  $ latchkey users sessions ada@example.com --end all`
    )
    .action(async (email: string, role: string, { json }: Options, command: Command) => {
      if (!isRole(role)) command.error(wrongRole)
      await withServer(async (server) => {
        await server.accounts.update((await accountOf(server, email)).user.id, { role }, by)
      })
      show(json, { email, role }, `${email} has the role ${role}, in tokens from the next refresh on.`)
    })

  users
    .command('export')
    .description('all that is kept of a person, as JSON')
    .argument('<email>')
    .option('--json', 'answer on one line')
    .addHelpText('after', '\nExamples:\n  $ latchkey users export ada@example.com > ada.json')
    .action(async (email: string, { json }: Options) => {
      const data = await withServer(async (server) =>
        server.exportPersonalData((await accountOf(server, email)).user.id, by)
      )
      show(json, data, JSON.stringify(data, null, 2))
    })

  users
    .command('delete')
    .description('delete an account, with whatever tells of the person, and end all its sessions')
    .argument('<email>')
    .option('--json', 'answer in JSON')
    .addHelpText('after', '\nExamples:\n  $ latchkey users delete ada@example.com')
    .action(async (email: string, { json }: Options) => {
      const ended = await withServer(async (server) =>
        server.accounts.remove((await accountOf(server, email)).user.id, by)
      )
      show(
        json,
        { deleted: true, ended_sessions: ended },
        `${email} is deleted. Sessions ended: ${String(ended.length)}.`
      )
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
