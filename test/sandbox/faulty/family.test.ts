import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Families } from '../../../src/sandbox/faulty/family.ts';
import { type FaultyOAuth, startFaultyOAuth } from '../../../src/sandbox/faulty/faultyoauth.ts';
import { api, post, refresh } from './faultyclient.ts';

let provider: FaultyOAuth;
let clock = 0;

beforeEach(async () => {
  clock = Date.parse('2026-03-01T12:00:00Z');
  provider = await startFaultyOAuth({ accessTokenTtl: 60, now: () => clock });
});

afterEach(() => provider.close());

describe('rotation with reuse detection', () => {
  it('a refresh token serves once, and the access tokens of before stay good', async () => {
    const grant = provider.newGrant();
    const answered = await refresh(provider, grant.refreshToken);
    const { access_token: accessToken, refresh_token: refreshToken } = JSON.parse(answered.text);
    expect(new Set([grant.accessToken, grant.refreshToken, accessToken, refreshToken]).size).toBe(4);
    expect((await refresh(provider, refreshToken)).status).toBe(200);
    expect((await api(provider, grant.accessToken)).status).toBe(200);
    expect(provider.requests.map((it) => it.refused)).toEqual([undefined, undefined]);
  });

  it('using one again ends its family, newest tokens included, and no other', async () => {
    const [grant, other] = [provider.newGrant('ada'), provider.newGrant('grace')];
    await refresh(provider, grant.refreshToken);
    const newest = provider.requests[0]?.issued;
    const reused = await refresh(provider, grant.refreshToken);
    expect([reused.status, JSON.parse(reused.text)]).toEqual([
      400,
      { error: 'invalid_grant', error_description: 'The refresh token is not good any more.' },
    ]);
    expect(provider.requests[1]).toMatchObject({ refused: 'invalid_grant' });
    expect(provider.requests[1]).not.toHaveProperty('issued');
    expect((await refresh(provider, newest?.refreshToken ?? '')).status).toBe(400);
    expect((await api(provider, newest?.accessToken)).status).toBe(401);
    for (const token of Object.values(grant)) expect(provider.familyAlive(token)).toBe(false);
    for (const token of Object.values(other)) expect(provider.familyAlive(token)).toBe(true);
    expect((await refresh(provider, other.refreshToken)).status).toBe(200);
  });

  it('of many that refresh at once, one gets tokens and the family dies', async () => {
    const { refreshToken } = provider.newGrant();
    const answers = await Promise.all(Array.from({ length: 20 }, () => refresh(provider, refreshToken)));
    expect(answers.filter((it) => it.status === 200)).toHaveLength(1);
    expect(provider.requests.filter((it) => it.issued)).toHaveLength(1);
    expect(provider.familyAlive(refreshToken)).toBe(false);
  });

  it('a family lives exactly as long as only its newest refresh token is used', () => {
    fc.assert(
      fc.property(fc.array(fc.record({ family: fc.nat(2), back: fc.nat(3) }), { maxLength: 30 }), (uses) => {
        const families = new Families();
        const model = ['a', 'b', 'c'].map((who) => ({ tokens: [families.begin(who, 1).refreshToken], alive: true }));
        for (const { family, back } of uses) {
          const it = model[family] ?? expect.fail();
          const age = Math.min(back, it.tokens.length - 1);
          const issued = families.rotate(it.tokens.at(-1 - age) ?? '', 1);
          it.alive &&= age === 0;
          expect(issued !== undefined).toBe(it.alive);
          if (issued?.refreshToken) it.tokens.push(issued.refreshToken);
        }
        for (const { tokens, alive } of model) {
          expect(tokens.map((token) => families.isAlive(token))).toEqual(tokens.map(() => alive));
        }
        expect(new Set(model.flatMap((it) => it.tokens)).size).toBe(model.flatMap((it) => it.tokens).length);
      }),
    );
  });

  it('a token that was never issued is no dead one', () => {
    expect(() => provider.familyAlive('rt_9_9_made-up')).toThrow('never issued');
  });
});

describe('honest refusals', () => {
  const right = { grant_type: 'refresh_token', client_id: 'faulty-client', client_secret: 'faulty-client-secret' };
  const basic = (pair: string) => ({ authorization: `Basic ${Buffer.from(pair).toString('base64')}` });

  it.each([
    ['a wrong secret', { ...right, client_secret: 'wrong' }, {}, 401, 'invalid_client'],
    ['no client', { grant_type: 'refresh_token' }, {}, 401, 'invalid_client'],
    ['a wrong secret in the header', right, basic('faulty-client:wrong'), 401, 'invalid_client'],
    ['another grant type', { ...right, grant_type: 'password' }, {}, 400, 'unsupported_grant_type'],
    ['an access token', { ...right, refresh_token: 'ACCESS' }, {}, 400, 'invalid_grant'],
    ['no refresh token', { ...right, refresh_token: '' }, {}, 400, 'invalid_request'],
    ['the secret in the header', { grant_type: 'refresh_token' }, basic('faulty-client:faulty-client-secret'), 200],
  ])('%s', async (_, fields, headers, status, error?: string) => {
    const grant = provider.newGrant();
    const body = new URLSearchParams({ refresh_token: grant.refreshToken, ...fields });
    if (body.get('refresh_token') === 'ACCESS') body.set('refresh_token', grant.accessToken);
    const answered = await post(provider, body, { headers });
    expect([answered.status, JSON.parse(answered.text).error]).toEqual([status, error]);
    expect(provider.requests[0]?.refused).toBe(error);
    expect(provider.familyAlive(grant.refreshToken)).toBe(true);
  });
});

describe('the API', () => {
  const expired = 'Bearer realm="faulty", error="invalid_token"';

  it.each([
    ['no token', undefined, '/me', 401, 'Bearer realm="faulty"', { error: 'token_missing' }],
    ['an unknown token', 'made-up', '/me', 401, expired, { error: 'invalid_token' }],
    ['a refresh token', 'REFRESH', '/me', 401, expired, { error: 'invalid_token' }],
    ['a good token', 'ACCESS', '/me', 200, null, { who: 'grace' }],
    [
      'a good token that may not',
      'ACCESS',
      '/me?scope=admin',
      403,
      'Bearer realm="faulty", error="insufficient_scope", scope="admin"',
      { error: 'insufficient_scope' },
    ],
    ['a good token, elsewhere', 'ACCESS', '/nowhere', 404, null, { error: 'not_found' }],
  ])('%s', async (_, token, path, status, challenge, body) => {
    const grant = provider.newGrant('grace');
    const used = token === 'ACCESS' ? grant.accessToken : token === 'REFRESH' ? grant.refreshToken : token;
    const response = await api(provider, used, { path });
    expect([response.status, response.headers.get('www-authenticate')]).toEqual([status, challenge]);
    expect(await response.json()).toEqual(body);
    expect(provider.calls).toEqual([{ method: 'GET', path: path.split('?')[0], token: used ?? '', status }]);
  });

  it('echoes', async () => {
    const { accessToken } = provider.newGrant();
    const response = await api(provider, accessToken, { path: '/echo', method: 'POST', body: '{"a":1}' });
    expect(await response.json()).toEqual({ who: 'ada', body: '{"a":1}' });
  });

  it('refuses an access token from the moment its time is up', async () => {
    const { accessToken } = provider.newGrant();
    clock += 59_999;
    expect((await api(provider, accessToken)).status).toBe(200);
    clock += 1;
    expect((await api(provider, accessToken)).status).toBe(401);
  });

  it('refuses all access tokens once they are expired by hand; refresh tokens live on', async () => {
    const { accessToken, refreshToken } = provider.newGrant();
    provider.expireAccessTokens();
    expect((await api(provider, accessToken)).status).toBe(401);
    expect((await refresh(provider, accessToken)).status).toBe(400);
    expect(provider.familyAlive(accessToken)).toBe(true);
    await refresh(provider, refreshToken);
    expect((await api(provider, provider.requests[1]?.issued?.accessToken)).status).toBe(200);
  });
});
