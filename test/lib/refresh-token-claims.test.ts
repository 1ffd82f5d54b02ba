import t from 'tap'
import { areRefreshTokenClaims } from '../../lib/refresh-token-claims.ts'

const claims = {
  iss: 'http://localhost:3000',
  sub: 'user',
  sid: 'session',
  gen: 1,
  jti: 'session.1',
  iat: 1_700_000_000,
  exp: 1_800_000_000
}

t.test('claims of a refresh token have the types that ours have', async (t) => {
  t.ok(areRefreshTokenClaims(claims))
  t.ok(areRefreshTokenClaims({ ...claims, more: 'than there is today' }))
  const others = [
    ...['iss', 'sub', 'sid', 'jti'].map((name) => ({ [name]: 1 })),
    ...['gen', 'iat', 'exp'].flatMap((name) => [
      { [name]: '1' },
      { [name]: 1.5 },
      { [name]: 2 ** 53 },
      { [name]: null }
    ]),
    ...Object.keys(claims).map((name) => ({ [name]: undefined })),
    { nbf: 1 }
  ]
  for (const other of others) t.notOk(areRefreshTokenClaims({ ...claims, ...other }), JSON.stringify(other))
  for (const other of [null, undefined, 'claims', 7, []]) t.notOk(areRefreshTokenClaims(other))
})
