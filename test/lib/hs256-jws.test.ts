import { randomBytes } from 'node:crypto'
import t from 'tap'
import { hs256Jws } from '../../lib/hs256-jws.ts'
import { signHs256, tamper } from '../forge.ts'

const key = randomBytes(32)
const header = { typ: 'rt+jwt', kid: 'AAAAAAAAAAAA' }
const { sign, verify, header: encodedHeader } = hs256Jws(key, header)
const claims = { sub: 'ä "quoted" one', gen: 7 }

t.test('it is a compact JWS with HS256', async (t) => {
  const token = sign(claims)
  t.equal(token, signHs256({ alg: 'HS256', ...header }, claims, key))
  t.equal(token.split('.')[0], encodedHeader)
  t.same(verify(token), claims)
})

t.test('it has one spelling', async (t) => {
  const token = sign(claims)
  const [start = '', body = '', signature = ''] = token.split('.')
  const spellings = [
    ...tamper(token),
    `${token}=`,
    `${token}\n`,
    ` ${token}`,
    `${token}.`,
    `${token}.${signature}`,
    `${start}.${body}=.${signature}`,
    `${start}.${body}.`,
    `${start}.${body}`,
    `${start}..${signature}`,
    `${start}.${signature}`,
    `${start}.`,
    start,
    '..',
    '',
    // Characters of another plane that end in the same byte.
    `${start}.${body}.${Array.from(signature, (character) => String.fromCharCode(0x100 + character.charCodeAt(0))).join('')}`
  ]
  for (const spelling of spellings) t.equal(verify(spelling), undefined, JSON.stringify(spelling.slice(-60)))
})

t.test('only its own key and header make one', async (t) => {
  const others = [
    hs256Jws(randomBytes(32), header),
    hs256Jws(Buffer.alloc(0), header),
    hs256Jws(key, { ...header, typ: 'at+jwt' }),
    hs256Jws(key, { ...header, kid: 'BBBBBBBBBBBB' })
  ]
  for (const other of others) t.equal(verify(other.sign(claims)), undefined)
})
