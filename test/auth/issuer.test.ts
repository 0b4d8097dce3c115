import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { claimedBy, type IssuerOptions, openIssuer } from '../../src/auth/issuer.ts';
import { createSender, type Sender } from '../../src/network/send.ts';
import { type Provider, startProvider } from '../execute/stage.ts';

const AUDIENCE = 'https://tieline.example/mcp';
const { privateKey, publicKey } = await generateKeyPair('ES256', { extractable: true });
const secret = new TextEncoder().encode('a secret that both would have to know');

let provider: Provider;
let sender: Sender;
let metadata: Record<string, unknown> | undefined;
beforeAll(async () => {
  provider = await startProvider();
  sender = createSender({ allowPrivate: ['127.0.0.1'] });
});
beforeEach(async () => {
  const keys = { keys: [{ ...(await exportJWK(publicKey)), kid: 'one', alg: 'ES256' }] };
  metadata = { issuer: issuer(), jwks_uri: `${provider.origin}/jwks` };
  provider.seen.length = 0;
  provider.answer(({ path }) => {
    if (path === '/jwks') return { body: keys };
    return path.includes('/.well-known/') && metadata ? { body: metadata } : { status: 404 };
  });
});
afterAll(async () => {
  await provider.close();
  await sender.close();
});

const issuer = () => `${provider.origin}/tenant`;
const open = (more: Partial<IssuerOptions> = {}) =>
  openIssuer({ issuer: issuer(), audience: AUDIENCE, sender, now: Date.now, ...more });

type Head = { alg?: string; typ?: string; kid?: string };
type Claims = { readonly [name: string]: unknown };

function token(claims: Claims = {}, { alg = 'ES256', kid = 'one', typ }: Head = {}): Promise<string> {
  const now = Math.floor(Date.now() / 1_000);
  const payload = { iss: issuer(), aud: AUDIENCE, sub: 'ada', iat: now, exp: now + 60, ...claims };
  const head = { alg, kid, ...(typ !== undefined && { typ }) };
  return new SignJWT(payload).setProtectedHeader(head).sign(alg === 'HS256' ? secret : privateKey);
}

describe('a trusted issuer', () => {
  it.each([undefined, 'at+jwt', 'AT+JWT', 'application/at+jwt', 'JWT'])(
    'is believed in a token of the kind %s',
    async (typ) => {
      expect(await open().verify(await token({ scope: 'read' }, typ === undefined ? {} : { typ }))).toMatchObject({
        sub: 'ada',
        scope: 'read',
      });
    },
  );

  it('is asked for its keys once', async () => {
    const it = open();
    await it.verify(await token());
    await it.verify(await token());
    expect(provider.seen.map(({ path }) => path)).toEqual(['/.well-known/oauth-authorization-server/tenant', '/jwks']);
  });

  it('is found by the way of OpenID Connect too, and asked for nothing where its keys are known', async () => {
    const oidc = '/tenant/.well-known/openid-configuration';
    const { origin } = provider;
    const keys = { keys: [{ ...(await exportJWK(publicKey)), kid: 'one' }] };
    provider.answer(({ path }) => {
      if (path === '/jwks') return { body: keys };
      return path === oidc ? { body: { issuer: issuer(), jwks_uri: `${origin}/jwks` } } : { status: 404 };
    });
    await open().verify(await token());
    provider.seen.length = 0;
    await open({ jwksUri: `${origin}/jwks` }).verify(await token());
    expect(provider.seen.map(({ path }) => path)).toEqual(['/jwks']);
  });

  it.each<[string, Claims, Head]>([
    ['for somebody else', { aud: 'https://other.example/mcp' }, {}],
    ['of another issuer', { iss: 'https://other.example' }, {}],
    ['that is over', { exp: Math.floor(Date.now() / 1_000) - 1 }, {}],
    ['that is not yet good', { nbf: Math.floor(Date.now() / 1_000) + 60 }, {}],
    ['without an end', { exp: undefined }, {}],
    ['without a user', { sub: undefined }, {}],
    ['that is a logout', {}, { typ: 'logout+jwt' }],
    ['of a login here', {}, { typ: 'tieline-login+jwt' }],
    ['signed by a shared secret', {}, { alg: 'HS256' }],
    ['of a key it does not have', {}, { kid: 'two' }],
  ])('is not believed in a token %s', async (_, claims, head) => {
    await expect(open().verify(await token(claims, head))).rejects.toMatchObject({ code: 'unauthenticated' });
  });

  it.each<[string, () => void]>([
    ['is down', () => provider.answer(() => ({ status: 503 }))],
    ['has none', () => provider.answer(() => ({ body: metadata }))],
    [
      'speaks for another',
      () => {
        metadata = { ...metadata, issuer: `${provider.origin}/other` };
      },
    ],
    [
      'names no place',
      () => {
        metadata = { issuer: issuer() };
      },
    ],
  ])('that %s has refused nobody', async (_, change) => {
    change();
    await expect(open().verify(await token())).rejects.toMatchObject({ code: 'upstream_invalid' });
  });

  it('that could not be asked is not asked for each token, but again after a while', async () => {
    const it = open({ failedMs: 1_000 });
    const good = metadata;
    metadata = undefined;
    await expect(it.verify(await token())).rejects.toMatchObject({ code: 'upstream_invalid' });
    const asked = provider.seen.length;
    for (let i = 0; i < 10; i++) await it.verify(await token()).catch(() => undefined);
    expect(provider.seen).toHaveLength(asked);
    metadata = good;
    const claims = async () => it.verify(await token()).catch(() => undefined);
    await expect.poll(claims, { timeout: 10_000 }).toMatchObject({ sub: 'ada' });
  });

  it('in a private place is not asked, unless the operator allows it', async () => {
    const strict = createSender({ allowPrivate: [] });
    await expect(open({ sender: strict }).verify(await token())).rejects.toMatchObject({ code: 'target_forbidden' });
    expect(provider.seen).toEqual([]);
    await strict.close();
  });
});

describe('what a token says of itself', () => {
  it('is read without believing it', async () => {
    expect(claimedBy(await token({}, { typ: 'at+jwt' }))).toEqual({ issuer: issuer(), kind: 'at+jwt' });
    for (const text of ['', 'x', 'a.b.c', 'pat-x']) expect(claimedBy(text)).toEqual({});
  });
});
