import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { openIdProvider } from '../../src/auth/openid.ts';
import { createSender } from '../../src/network/send.ts';
import { failureOf } from '../keystore/failure.ts';

/** A provider that signs with the key that the test says, at the endpoint where the library would trust TLS alone. */
const server = createServer();
const sender = createSender({ allowPrivate: ['127.0.0.1'] });
let issuer = '';
let keys: Record<'own' | 'foreign', Awaited<ReturnType<typeof generateKeyPair>>>;
let signing: 'own' | 'foreign' | 'none' = 'own';
let nonce = '';

async function idToken(): Promise<string> {
  const claims = { nonce, email: 'ada@example.com' };
  const [audience, subject] = ['client', 'ada'];
  if (signing === 'none') {
    const now = Math.floor(Date.now() / 1_000);
    const all = { ...claims, iss: issuer, aud: audience, sub: subject, iat: now, exp: now + 60 };
    const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
    return `${part({ alg: 'none' })}.${part(all)}.`;
  }
  return new SignJWT(claims)
    .setProtectedHeader({ alg: 'RS256', kid: 'k1' })
    .setIssuer(issuer)
    .setAudience(audience)
    .setSubject(subject)
    .setIssuedAt()
    .setExpirationTime('1m')
    .sign(keys[signing].privateKey);
}

beforeAll(async () => {
  keys = { own: await generateKeyPair('RS256'), foreign: await generateKeyPair('RS256') };
  const jwks = { keys: [{ ...(await exportJWK(keys.own.publicKey)), kid: 'k1', alg: 'RS256', use: 'sig' }] };
  server.on('request', async (request, response) => {
    const answers: Record<string, () => Promise<object> | object> = {
      '/.well-known/openid-configuration': () => ({
        issuer,
        authorization_endpoint: `${issuer}/authorize`,
        token_endpoint: `${issuer}/token`,
        jwks_uri: `${issuer}/jwks`,
        id_token_signing_alg_values_supported: ['RS256'],
      }),
      '/jwks': () => jwks,
      '/token': async () => ({ access_token: 'at', token_type: 'bearer', id_token: await idToken() }),
    };
    const body = await answers[request.url ?? '']?.();
    response.writeHead(body ? 200 : 404, { 'content-type': 'application/json' }).end(JSON.stringify(body ?? {}));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(async () => {
  await sender.close();
  server.closeAllConnections();
  server.close();
});

async function signIn() {
  const provider = openIdProvider({ issuer, clientId: 'client', clientSecret: 'secret-of-client', sender });
  const { pending } = await provider.begin('http://127.0.0.1/callback');
  nonce = pending.nonce;
  return provider.finish(pending, new URL(`http://127.0.0.1/callback?code=c&state=${pending.state}`));
}

it('takes an ID token that the provider has signed', async () => {
  signing = 'own';
  expect(await signIn()).toMatchObject({ sub: 'ada', email: 'ada@example.com' });
});

it.each(['foreign', 'none'] as const)('takes none that is signed by %s key', async (key) => {
  signing = key;
  expect((await failureOf(signIn())).code).toBe('authorization_failed');
});
