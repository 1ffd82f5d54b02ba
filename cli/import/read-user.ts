import { Ajv, type ErrorObject } from 'ajv'
import addFormats from 'ajv-formats'
import { v7 as uuidv7 } from 'uuid'
import { importHash, UnusableHash } from '../../lib/password-hash.ts'
import { normalizeEmail } from '../../lib/user.ts'
import type { ImportedRow } from '../../plugins/users.ts'
import { ImportedUser } from '../../schemas/users.ts'

/** A line that can not become a user. Reasons name fields, and hold nothing of what is in them. */
export class Rejection extends Error {
  reasons: string[]
  constructor(reasons: string[]) {
    super(reasons.join(', '))
    this.reasons = reasons
  }
}

const ajv = new Ajv({ allErrors: true, allowUnionTypes: true })
addFormats.default(ajv)
const validate = ajv.compile<ImportedUser>(ImportedUser)

function parse(text: string): unknown {
  try {
    return JSON.parse(text) as unknown
  } catch {
    throw new Rejection(['is not JSON'])
  }
}

function readHash(hash: string | null | undefined): string | null {
  if (hash === null || hash === undefined) return null
  try {
    return importHash(hash)
  } catch (error) {
    throw error instanceof UnusableHash ? new Rejection([`password_hash ${error.message}`]) : error
  }
}

function readTime(text: string): string {
  const ms = Date.parse(text)
  // Neither a leap second nor a year that Postgres does not count.
  if (!(ms >= 0 && ms <= Date.now())) throw new Rejection(['created_at must be between 1970 and now'])
  return new Date(ms).toISOString()
}

/** @throws Rejection */
export function readUser(text: string): ImportedRow {
  const value = parse(text)
  if (!validate(value)) {
    // Where null is one of two, only the other is worth telling.
    const isBeside = ({ keyword, params }: ErrorObject) =>
      keyword === 'anyOf' || (params as { type?: string }).type === 'null'
    const faults = (validate.errors ?? []).filter((fault) => !isBeside(fault))
    throw new Rejection(
      faults.map(({ instancePath, message = 'is not valid', params }) => {
        const { additionalProperty } = params as { additionalProperty?: string }
        if (additionalProperty !== undefined) return `${additionalProperty} is no field of a user`
        return `${instancePath.slice(1)} ${message}`.trim()
      })
    )
  }
  const { id, email, password_hash, name, role, email_verified, disabled, created_at } = value
  return {
    id: id?.toLowerCase() ?? uuidv7(),
    email: normalizeEmail(email),
    password_hash: readHash(password_hash),
    name: name ?? null,
    role: role ?? 'user',
    email_verified: email_verified ?? false,
    disabled: disabled ?? false,
    created_at: created_at === undefined ? new Date().toISOString() : readTime(created_at)
  }
}
