import { generateKeyPairSync } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { revokeTokens } from '../../src/auth/revoke.ts';
import type { RenewContext } from '../../src/auth/type.ts';
import { authType } from '../../src/auth/types.ts';
import { Grants } from '../../src/sandbox/grants.ts';
import { loadProvider } from '../../src/sandbox/provider.ts';
import { failureOf } from '../keystore/failure.ts';
import { oauthOption } from './option.ts';
import { askNothing, sendTo } from './sender.ts';

/** oidc-provider as others run it: a client that proves itself by a JWT, introspection and revocation. */
const server = createServer();
const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
const pem = rsa.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
const wrong = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey.export({ type: 'pkcs8', format: 'pem' });
let origin = '';

beforeAll(async () => {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const Provider = await loadProvider();
  const grants = new Grants();
  const client = { grant_types: ['client_credentials'], redirect_uris: [], response_types: [] };
  const provider = new Provider(origin, {
    clients: [
      {
        ...client,
        client_id: 'prover',
        token_endpoint_auth_method: 'private_key_jwt',
        jwks: { keys: [{ ...rsa.publicKey.export({ format: 'jwk' }), alg: 'RS256', use: 'sig', kid: 'k1' }] },
      },
      { ...client, client_id: 'header', client_secret: 'secret/&1', token_endpoint_auth_method: 'client_secret_basic' },
    ],
    jwks: { keys: [{ ...rsa.privateKey.export({ format: 'jwk' }), alg: 'RS256', use: 'sig' }] },
    scopes: ['api:read'],
    adapter: (model) => grants.adapter(model),
    ttl: { ClientCredentials: 60 },
    features: {
      devInteractions: { enabled: false },
      clientCredentials: { enabled: true },
      introspection: { enabled: true, allowedPolicy: async () => true },
      revocation: { enabled: true },
    },
  });
  server.on('request', provider.callback());
});
afterAll(() => {
  server.closeAllConnections();
  return new Promise((resolve) => server.close(resolve));
});

function contextOf(mapping: object): RenewContext {
  const endpoints = { tokenUri: `${origin}/token`, revokeUri: `${origin}/token/revocation` };
  const option = oauthOption({ ...endpoints, ...mapping }, { grant: 'client_credentials', scopes: ['api:read'] });
  return {
    connector: 'desk',
    option,
    scope: { app: { baseUrl: origin } },
    send: sendTo(origin),
    ask: askNothing,
    now: Date.now(),
  };
}

const prover = (privateKey: unknown = pem) => ({
  clientId: 'prover',
  clientSecret: '',
  clientAuthLocation: 'private_key_jwt',
  assertion: { privateKey: String(privateKey), keyId: 'k1' },
});

const renew = (context: RenewContext) =>
  authType(context.option).renewal?.renew(context) ?? Promise.reject(new Error());

describe('oidc-provider', () => {
  it('takes a client that proves itself by a JWT', async () => {
    const { values, expiresAt } = await renew(contextOf(prover()));
    expect(values).toEqual({ accessToken: expect.any(String), scope: 'api:read' });
    expect(expiresAt).toBeGreaterThan(Date.now());
  });

  it('refuses the JWT of another key', async () => {
    expect((await failureOf(renew(contextOf(prover(wrong))))).code).toBe('config_invalid');
  });

  it('takes the secret in a header, and ends a token that is revoked (RFC 7009)', async () => {
    const context = contextOf({ clientId: 'header', clientSecret: 'secret/&1', clientAuthLocation: 'headers' });
    const { values } = await renew(context);
    expect(await isActive(String(values.accessToken))).toBe(true);
    expect(await revokeTokens({ ...context, scope: { ...context.scope, credentials: values } })).toBe(true);
    expect(await isActive(String(values.accessToken))).toBe(false);
  });

  it('has nothing to revoke without a token', async () => {
    expect(await revokeTokens(contextOf(prover()))).toBe(false);
  });

  async function isActive(token: string): Promise<unknown> {
    const pair = ['header', 'secret/&1'].map((it) => new URLSearchParams([['', it]]).toString().slice(1)).join(':');
    const response = await fetch(`${origin}/token/introspection`, {
      method: 'POST',
      headers: { authorization: `Basic ${btoa(pair)}` },
      body: new URLSearchParams({ token }),
    });
    return ((await response.json()) as { active: boolean }).active;
  }
});
