import { dictionary } from '@zxcvbn-ts/language-common'

/** What somebody who knows the account would try first. */
export interface PasswordContext {
  /** Names of the service. */
  service: readonly string[]
  email: string
  name: string | null
}

const common = new Set(dictionary['passwords-common'])

/** As people vary a word: capitals, what stands around it, spaces in between. */
const bare = (text: string) =>
  text
    .normalize('NFKC')
    .toLowerCase()
    .replace(/[^\p{L}\p{N}]+/gu, '')
const withoutDigitsAround = (text: string) => text.replace(/^\d+|\d+$/g, '')

/** Of `abcabcabc` it is `abc`, of anything that is no repetition the whole. */
const repeatedUnit = (text: string) => /^(.+?)\1+$/su.exec(text)?.[1] ?? text

/**
 * Compares the whole password, not parts of it, with the most common ones and with what belongs to the account
 * (NIST SP 800-63B-4 §3.1.1.2, OWASP ASVS 5.0 V6.1.2, V6.2.4, V6.2.11).
 * @param password in NFC
 * @returns why it can not be used, for people; undefined where nothing is against it
 */
export function reasonAgainst(
  password: string,
  { service, email, name }: PasswordContext
): string | undefined {
  const whole = bare(password)
  const unit = repeatedUnit(whole)
  const isOneOf = (words: ReadonlySet<string>) =>
    [whole, unit, withoutDigitsAround(whole)].some((form) => form !== '' && words.has(form))
  const wordsOf = (...texts: string[]) => new Set(texts.map(bare).filter((word) => word.length > 2))

  const [mailbox = '', host = ''] = email.split('@')
  if (isOneOf(wordsOf(email, mailbox, host))) return 'is your email address'
  if (name !== null && isOneOf(wordsOf(name, ...name.split(/\s+/), `${name}${name}`))) return 'is your name'
  if (isOneOf(wordsOf(...service))) return 'is the name of this service'
  if (common.has(password) || isOneOf(common)) return 'is one of the most common passwords'
  // Also what is no word: aaaaaaaaaaaaaaa, -+-+-+-+-+-+-+-+.
  const typed = repeatedUnit(password)
  if (typed !== password && [...typed].length <= 4) return 'repeats a few characters'
  return undefined
}
