import { createLocalJWKSet, jwtVerify } from 'jose';
import { afterAll, beforeAll, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { openSigningKeys, type SigningKeys } from '../../src/auth/signingkeys.ts';
import {
  type Arrived,
  alice,
  bob,
  connectorOf,
  failureOf,
  openStage,
  type Provider,
  reading,
  startProvider,
  things,
} from '../execute/stage.ts';

const ISSUER = 'https://tieline.example';

let provider: Provider;
let keys: SigningKeys;
/** What the API reads from a request: it knows nothing but the published keys. */
let read: (request: Arrived) => Promise<Record<string, unknown>>;

beforeAll(async () => {
  provider = await startProvider();
});
afterAll(() => provider.close());
beforeEach(() => {
  provider.seen.length = 0;
  read = async ({ headers }) => {
    const token = /^Bearer (.+)$/.exec(headers.authorization ?? '')?.[1] ?? '';
    const published = await keys.jwks();
    const options = { issuer: ISSUER, audience: provider.origin, algorithms: ['ES256'], typ: 'JWT' };
    return (await jwtVerify(token, createLocalJWKSet({ keys: [...published.keys] }), options)).payload;
  };
  provider.answer(async (request) => {
    if (request.path === '/moved') return { status: 307, headers: { location: '/thing' } };
    const claims = await read(request).catch(() => undefined);
    return claims ? { body: claims } : { status: 401 };
  });
});

const entities = things({
  get: { ...reading, request: { path: '/thing' } },
  moved: { ...reading, request: { path: '/moved' } },
});

async function stageOf(option: Record<string, unknown> = {}, more: Record<string, unknown> = {}, hosts: string[] = []) {
  const auth = { options: { host: { title: 'Tieline', type: 'host_token', ...option } } };
  const server = { baseUrl: provider.origin, testPath: '/thing', allowHosts: hosts };
  const stage = await openStage([connectorOf({ server, entities, auth, ...more })]);
  onTestFinished(() => stage.close());
  keys = openSigningKeys({ keystore: stage.engine.keystore, now: Date.now, issuer: ISSUER });
  const engine = Object.assign(stage.engine, { signingKeys: keys });
  return { ...stage, engine };
}

const data = (outcome: { data: unknown }) => outcome.data as Record<string, unknown>;

describe('an API that trusts Tieline', () => {
  it('learns who calls, from a token that is for it alone', async () => {
    const stage = await stageOf();
    await stage.link('sample', { input: {} });
    const claims = data(await stage.call('things.get'));
    expect(claims).toEqual({
      iss: ISSUER,
      sub: 'alice',
      organization: 'acme',
      aud: provider.origin,
      iat: expect.any(Number),
      exp: Number(claims.iat) + 60,
      jti: expect.any(String),
    });
  });

  it('gets each user as themselves', async () => {
    const stage = await stageOf();
    await stage.link('sample', { input: {} });
    await stage.link('sample', { input: {}, who: bob });
    const stranger = { ...alice, organization: 'other' };
    await stage.link('sample', { input: {}, who: stranger });
    const seen = [];
    for (const who of [alice, bob, stranger]) seen.push(data(await stage.call('things.get', {}, { who })));
    expect(seen.map(({ sub, organization }) => [sub, organization])).toEqual([
      ['alice', 'acme'],
      ['bob', 'acme'],
      ['alice', 'other'],
    ]);
  });

  it('gets a fresh one with each request, also behind a redirect', async () => {
    const stage = await stageOf();
    await stage.link('sample', { input: {} });
    provider.seen.length = 0;
    await stage.call('things.get');
    await stage.call('things.moved');
    const tokens = await Promise.all(provider.seen.map((it) => read(it)));
    expect(tokens).toHaveLength(3);
    expect(new Set(tokens.map((it) => it.jti)).size).toBe(3);
  });

  it('gets what the definition adds, but not in the name of somebody else', async () => {
    const claims = {
      tenant: '{{ settings.tenant }}',
      who: { of: '{{ user.organization }}', is: '{{ user.id }}', does: '{{ request.method }} {{ request.path }}' },
      nothing: '{{ settings.missing }}',
      sub: 'root',
      iss: 'https://other.example',
      aud: 'other',
      organization: 'other',
      exp: 9_999_999_999,
    };
    const settings = { type: 'object', properties: { tenant: { type: 'string', default: 't-1' } } };
    const stage = await stageOf({ claims, ttl: 5 }, { settings });
    await stage.link('sample', { input: {} });
    const got = data(await stage.call('things.get'));
    expect(got).toMatchObject({
      tenant: 't-1',
      who: { of: 'acme', is: 'alice', does: 'GET /thing' },
      iss: ISSUER,
      sub: 'alice',
      organization: 'acme',
      aud: provider.origin,
      exp: Number(got.iat) + 5,
    });
    expect(got).not.toHaveProperty('nothing');
  });

  it('may ask for another header and audience', async () => {
    const stage = await stageOf({ header: 'X-Host', prefix: '', audience: 'desk-{{ user.organization }}' });
    provider.answer(() => ({ body: {} }));
    await stage.link('sample', { input: {} });
    const [request] = provider.seen;
    expect(request?.headers.authorization).toBeUndefined();
    const token = String(request?.headers['x-host']);
    await expect(keys.verify(token, { audience: 'desk-acme', type: 'JWT' })).resolves.toMatchObject({ sub: 'alice' });
  });

  it('is not one of another host, unless the definition declares that one', async () => {
    const audience = 'https://bank.example';
    const other = await stageOf({ audience });
    const error = await failureOf(other.link('sample', { input: {} }));
    expect(error).toMatchObject({ code: 'target_forbidden', message: expect.stringContaining('bank.example') });
    expect(provider.seen).toEqual([]);
    provider.answer(() => ({ body: {} }));
    const declared = await stageOf({ audience }, {}, ['bank.example']);
    await declared.link('sample', { input: {} });
    const token = String(provider.seen[0]?.headers.authorization).slice('Bearer '.length);
    await expect(keys.verify(token, { audience, type: 'JWT' })).resolves.toBeDefined();
  });

  it('cannot sign in at Tieline with it', async () => {
    const stage = await stageOf();
    await stage.link('sample', { input: {} });
    const token = String(provider.seen[0]?.headers.authorization).slice('Bearer '.length);
    expect((await failureOf(keys.verify(token, { audience: provider.origin }))).code).toBe('unauthenticated');
  });

  it('may echo the token, and it goes no further', async () => {
    const stage = await stageOf();
    provider.answer(({ headers }) => ({ body: { said: headers.authorization } }));
    await stage.link('sample', { input: {} });
    expect((await stage.call('things.get')).data).toEqual({ said: expect.not.stringContaining('eyJ') });
  });

  it('that does not trust Tieline refuses the account when it is connected', async () => {
    const stage = await stageOf();
    read = () => Promise.reject(new Error('unknown issuer'));
    const error = await failureOf(stage.link('sample', { input: {} }));
    expect(error.code).toBe('token_rejected');
  });

  it('is not reached at all where there are no keys', async () => {
    const stage = await stageOf();
    Object.assign(stage.engine, { signingKeys: undefined });
    expect((await failureOf(stage.link('sample', { input: {} }))).code).toBe('config_invalid');
    expect(provider.seen).toEqual([]);
  });
});
