// Clients that others wrote, over real connections, knowing nothing of us but the issuer.
import { createRemoteJWKSet, jwtVerify } from 'jose'
import * as oauth from 'oauth4webapi'
import * as openid from 'openid-client'
import t, { type Test } from 'tap'
import { pickFreePort } from '../../embedded/free-port.ts'
import { build, signUp } from '../helper.ts'
import { makeClient } from '../oauth.ts'

// What stands in for TLS here is that nothing leaves this machine.
const insecure = { [oauth.allowInsecureRequests]: true }
const native = { 'x-client': 'native' }

async function listen(t: Test) {
  const port = await pickFreePort()
  const issuer = `http://127.0.0.1:${String(port)}`
  const app = await build(t, { PUBLIC_URL: issuer })
  await app.listen({ host: '127.0.0.1', port })
  return { app, issuer: new URL(issuer) }
}

t.test('openid-client refreshes, introspects and revokes', async (t) => {
  const { app, issuer } = await listen(t)
  const { refresh_token, session_id } = await signUp(app, native)
  const options: openid.DiscoveryRequestOptions = {
    algorithm: 'oauth2',
    execute: [openid.allowInsecureRequests]
  }

  const nativeApp = await openid.discovery(issuer, 'my-app', undefined, openid.None(), options)
  const tokens = await openid.refreshTokenGrant(nativeApp, refresh_token)
  t.equal(tokens.token_type, 'bearer')
  t.equal(tokens.expires_in, 900)
  t.ok(tokens.refresh_token)

  const { id, secret } = await makeClient(app)
  const service = await openid.discovery(issuer, id, secret, openid.ClientSecretBasic(secret), options)
  t.match(await openid.tokenIntrospection(service, tokens.access_token), { active: true, sid: session_id })
  await openid.tokenRevocation(service, tokens.refresh_token ?? '')
  t.same(await openid.tokenIntrospection(service, tokens.access_token), { active: false })
  const refused = (work: Promise<unknown>) =>
    work.then(
      () => undefined,
      (error: unknown) => error
    )
  t.match(await refused(openid.refreshTokenGrant(nativeApp, tokens.refresh_token ?? '')), {
    error: 'invalid_grant'
  })

  const impostor = await openid.discovery(issuer, id, 'x', openid.ClientSecretBasic('x'), options)
  t.match(await refused(openid.tokenIntrospection(impostor, tokens.access_token)), {
    status: 401,
    cause: [{ scheme: 'basic' }]
  })
})

t.test('oauth4webapi refreshes, introspects, and takes our access tokens for RFC 9068', async (t) => {
  const { app, issuer } = await listen(t)
  const { refresh_token, user_id } = await signUp(app, native)
  const discovered = await oauth.discoveryRequest(issuer, { algorithm: 'oauth2', ...insecure })
  const as = await oauth.processDiscoveryResponse(issuer, discovered)

  const client = { client_id: 'my-app' }
  const response = await oauth.refreshTokenGrantRequest(as, client, oauth.None(), refresh_token, insecure)
  const { access_token } = await oauth.processRefreshTokenResponse(as, client, response)

  const { id, secret } = await makeClient(app)
  const service = { client_id: id }
  for (const authentication of [oauth.ClientSecretBasic(secret), oauth.ClientSecretPost(secret)]) {
    const asked = await oauth.introspectionRequest(as, service, authentication, access_token, insecure)
    t.match(await oauth.processIntrospectionResponse(as, service, asked), { active: true, sub: user_id })
  }

  const request = new Request('https://api.example.com/', {
    headers: { authorization: `Bearer ${access_token}` }
  })
  const claims = await oauth.validateJwtAccessToken(as, request, issuer.origin, insecure)
  t.match(claims, { sub: user_id, client_id: 'native', aud: issuer.origin })
})

t.test('jose verifies our access tokens from the key set alone', async (t) => {
  const { app, issuer } = await listen(t)
  const { access_token, user_id } = await signUp(app)
  const keys = createRemoteJWKSet(new URL('/.well-known/jwks.json', issuer))
  const verified = await jwtVerify(access_token, keys, {
    issuer: issuer.origin,
    audience: issuer.origin,
    typ: 'at+jwt',
    algorithms: ['ES256']
  })
  t.equal(verified.payload.sub, user_id)
})
