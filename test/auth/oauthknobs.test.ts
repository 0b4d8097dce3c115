import { generateKeyPairSync } from 'node:crypto';
import { importSPKI, jwtVerify } from 'jose';
import { afterAll, beforeAll, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import type { Credential } from '../../src/auth/credential.ts';
import { credentialKey } from '../../src/integration/accounts.ts';
import {
  type Arrived,
  alice,
  connectorOf,
  failureOf,
  openStage,
  type Provider,
  type Reply,
  startProvider,
} from '../execute/stage.ts';

let provider: Provider;
let asked: Arrived[];
let answer: (request: Arrived) => Reply;

beforeAll(async () => {
  provider = await startProvider();
});
afterAll(() => provider.close());
beforeEach(() => {
  asked = [];
  answer = () => ({ body: { access_token: 'made-access-token', expires_in: 60 } });
  provider.answer((request) => {
    if (!request.url.pathname.startsWith('/token')) return { body: { ok: true } };
    asked.push(request);
    return answer(request);
  });
});

const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
const privateKey = rsa.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
const publicKey = rsa.publicKey.export({ type: 'spki', format: 'pem' }).toString();
const app = { clientId: 'client-1', clientSecret: 'secret&1', privateKey };

type Option = { grant?: string; mapping?: object; more?: object; input?: object; server?: object };

/** Connects, which makes the first token request, and gives what is stored then. */
async function connected({ grant = 'client_credentials', mapping = {}, more = {}, input = {}, server = {} }: Option) {
  const ui = { schema: { type: 'object', properties: { refresh_token: { type: 'string', secret: true } } } };
  const getOAuthConfig = {
    mapping: {
      clientId: '{{ app.clientId }}',
      clientSecret: '{{ app.clientSecret }}',
      tokenUri: `${provider.origin}/token`,
      ...mapping,
    },
  };
  const getCredentialsFromConnectionParameters = { mapping: { refreshToken: '{{ input.refresh_token }}' } };
  const methods = { getOAuthConfig, getCredentialsFromConnectionParameters };
  const option = { title: 'OAuth', type: 'oauth2', grant, ui, methods, ...more };
  const connector = connectorOf({ server: { baseUrl: provider.origin, ...server }, auth: { options: { it: option } } });
  const stage = await openStage([connector], { app });
  onTestFinished(() => stage.close());
  const integration = await stage.link('sample', { input: { ...input } });
  const stored = await stage.engine.keystore.read<Credential>(credentialKey(alice, 'sample', integration.id));
  if (!stored) throw new Error('nothing stored');
  return { stage, integration, credential: stored.value };
}

const formOf = ({ body }: Arrived): Record<string, string> => Object.fromEntries(new URLSearchParams(`${body}`));
const refreshing = { grant: 'refresh_token', input: { refresh_token: 'refresh-1' } };
const client = { client_id: 'client-1', client_secret: 'secret&1' };

describe('a token request', () => {
  it.each<[string, Option, object]>([
    ['client credentials', {}, { grant_type: 'client_credentials', ...client }],
    ['scopes', { more: { scopes: ['a', 'b'] }, mapping: { scopeSeparator: ',' } }, { scope: 'a,b' }],
    [
      'audience and resource',
      { mapping: { audience: 'https://api', resource: 'https://r' } },
      { audience: 'https://api', resource: 'https://r' },
    ],
    ['more parameters', { mapping: { extraToken: { tenant: 't1' } } }, { tenant: 't1' }],
    ['a refresh', refreshing, { grant_type: 'refresh_token', refresh_token: 'refresh-1', ...client }],
    [
      'more of a refresh',
      { ...refreshing, mapping: { extraToken: { a: '1' }, extraRefresh: { b: '2' } } },
      { a: '1', b: '2' },
    ],
    [
      'a password',
      { grant: 'password', mapping: { username: 'ada', password: 'pw&1' } },
      { grant_type: 'password', username: 'ada', password: 'pw&1' },
    ],
    [
      'a token exchange',
      {
        grant: 'token_exchange',
        mapping: { subjectToken: 'subject-1', actorToken: 'actor-1', requestedTokenType: 'urn:x' },
      },
      {
        grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
        subject_token: 'subject-1',
        subject_token_type: 'urn:ietf:params:oauth:token-type:access_token',
        actor_token: 'actor-1',
        actor_token_type: 'urn:ietf:params:oauth:token-type:access_token',
        requested_token_type: 'urn:x',
      },
    ],
    [
      'a formula',
      { mapping: { extraToken: { x: { $firstNotEmpty: ['', { $var: 'app.clientId' }] } } } },
      { x: 'client-1' },
    ],
  ])('has %s', async (_, option, expected) => {
    const { credential } = await connected(option);
    expect(formOf(asked[0] as Arrived)).toMatchObject(expected);
    expect(credential.values.accessToken).toBe('made-access-token');
  });

  it.each<[string, object, (request: Arrived) => unknown, unknown]>([
    [
      'JSON',
      { tokenBody: 'json' },
      ({ headers, body }) => [headers['content-type'], JSON.parse(`${body}`)],
      ['application/json', { grant_type: 'client_credentials', ...client }],
    ],
    [
      'a query',
      { tokenBody: 'query' },
      ({ method, url, body }) => [method, Object.fromEntries(url.searchParams), `${body}`],
      ['POST', { grant_type: 'client_credentials', ...client }, ''],
    ],
    [
      'GET',
      { tokenMethod: 'GET' },
      ({ method, url }) => [method, Object.fromEntries(url.searchParams)],
      ['GET', { grant_type: 'client_credentials', ...client }],
    ],
    ['headers', { tokenHeaders: { 'X-V': '2' } }, ({ headers }) => headers['x-v'], '2'],
  ])('may be made with %s', async (_, mapping, seen, expected) => {
    await connected({ mapping });
    expect(seen(asked[0] as Arrived)).toEqual(expected);
  });

  it('may come from a function', async () => {
    const uri = JSON.stringify(`${provider.origin}/token`);
    const javascript = `({ app }) => { const clientId = app.clientId.toUpperCase(); return { clientId, tokenUri: ${uri} }; }`;
    const more = { methods: { getOAuthConfig: { implementationType: 'javascript', javascript } } };
    await connected({ more });
    expect(formOf(asked[0] as Arrived).client_id).toBe('CLIENT-1');
  });
});

describe('a JWT', () => {
  const verified = async (token: string) =>
    (await jwtVerify(token, await importSPKI(publicKey, 'RS256'), { audience: `${provider.origin}/token` })).payload;

  it('serves as grant of a service account (RFC 7523 §2.1), without any client', async () => {
    const assertion = {
      privateKey: '{{ app.privateKey }}',
      keyId: 'k1',
      issuer: 'robot@x',
      subject: 'ada@x',
      claims: { scope: 'a b' },
    };
    await connected({ grant: 'jwt_bearer', mapping: { clientId: '', clientSecret: '', assertion } });
    const { grant_type, assertion: token = '', ...others } = formOf(asked[0] as Arrived);
    expect([grant_type, others]).toEqual(['urn:ietf:params:oauth:grant-type:jwt-bearer', {}]);
    const { iat = 0, exp = 0, ...claims } = await verified(token);
    expect(claims).toMatchObject({ iss: 'robot@x', sub: 'ada@x', scope: 'a b', jti: expect.any(String) });
    expect(exp - iat).toBe(300);
  });

  it('serves as proof of the client (RFC 7523 §2.2)', async () => {
    await connected({
      mapping: { clientAuthLocation: 'private_key_jwt', assertion: { privateKey: '{{ app.privateKey }}' } },
    });
    const { client_assertion: token = '', ...others } = formOf(asked[0] as Arrived);
    expect(others).toEqual({
      grant_type: 'client_credentials',
      client_id: 'client-1',
      client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
    });
    expect(await verified(token)).toMatchObject({ iss: 'client-1', sub: 'client-1' });
  });

  it('of a key that is none is refused without a word of it', async () => {
    const assertion = { privateKey: 'not-a-private-key' };
    const error = await failureOf(connected({ grant: 'jwt_bearer', mapping: { assertion } }));
    expect(error.code).toBe('arguments_invalid');
    expect(error.message).not.toContain('not-a-private-key');
  });
});

describe('the answer', () => {
  const within = (credential: Credential) => (credential.expiresAt ?? Number.NaN) - credential.obtainedAt;

  it('may hold the tokens elsewhere', async () => {
    answer = () => ({ body: { ok: true, authed_user: { access_token: 'user-token', refresh_token: 'user-refresh' } } });
    const mapping = {
      tokenPath: '{{ response.body.authed_user.access_token }}',
      refreshTokenPath: '{{ response.body.authed_user.refresh_token }}',
    };
    const { credential } = await connected({ mapping });
    expect(credential.values).toMatchObject({ accessToken: 'user-token', refreshToken: 'user-refresh' });
  });

  it.each<[string, object, object, number]>([
    ['in seconds', { in: '{{ response.body.lives }}' }, { lives: 120 }, 120_000],
    ['in milliseconds', { in: '{{ response.body.lives }}', unit: 'ms' }, { lives: '120000' }, 120_000],
    [
      'at seconds since 1970',
      { at: '{{ response.body.ends }}' },
      { ends: Math.floor(Date.now() / 1_000) + 120 },
      120_000,
    ],
    ['at a date', { at: '{{ response.body.ends }}' }, { ends: new Date(Date.now() + 120_000).toISOString() }, 120_000],
    ['after a fixed time', { fixed: 120 }, {}, 120_000],
    ['a day ago', { at: '{{ response.body.ends }}' }, { ends: 1_000 }, 0],
    ['as RFC 6749 says', { in: '{{ response.body.lives }}' }, { expires_in: 120 }, 120_000],
  ])('ends %s', async (_, expiry, body, life) => {
    answer = () => ({ body: { access_token: 'made-access-token', ...body } });
    const { credential } = await connected({ mapping: { expiry } });
    expect(Math.abs(within(credential) - life)).toBeLessThan(5_000);
  });

  it.each([
    [{ refresh_token_expires_in: 600 }, 600_000],
    [{ refresh_expires_in: '600' }, 600_000],
    [{ refresh_expires_in: 0 }, undefined],
    [{}, undefined],
  ])('tells with %j when the grant ends', async (body, life) => {
    answer = () => ({ body: { access_token: 'made-access-token', refresh_token: 'r-2', ...body } });
    const { grantEndsAt, obtainedAt } = (await connected({})).credential;
    const rounded = grantEndsAt === undefined ? undefined : Math.round((grantEndsAt - obtainedAt) / 5_000) * 5_000;
    expect(rounded).toBe(life);
  });

  it('may come with a refresh token that is not to be kept', async () => {
    answer = () => ({ body: { access_token: 'made-access-token', refresh_token: 'not-for-keeping' } });
    const { credential } = await connected({ mapping: { noRefreshToken: true } });
    expect(JSON.stringify(credential)).not.toContain('not-for-keeping');
  });

  it('may hold more: facts of the account, such as its base URL, and credentials', async () => {
    answer = () => ({ body: { access_token: 'made-access-token', api: provider.origin, page: 'page-token' } });
    const save = {
      account: { apiUrl: '{{ response.body.api }}' },
      credentials: { pageToken: '{{ response.body.page }}' },
    };
    const server = { baseUrl: '{{ account.apiUrl }}/v2', allowHosts: [provider.host] };
    const { stage, credential, integration } = await connected({ mapping: { save }, server });
    expect(integration.account).toEqual({ apiUrl: provider.origin });
    expect(credential.values.pageToken).toBe('page-token');
    await stage.call('things.get');
    expect(provider.seen.at(-1)?.path).toBe('/v2/thing');
  });

  it('goes through getCredentialsFromRefreshTokenResponse', async () => {
    const mapping = { tokenUri: `${provider.origin}/token`, clientId: 'c' };
    const more = {
      methods: {
        getOAuthConfig: { mapping },
        getCredentialsFromRefreshTokenResponse: {
          javascript: '({ response }) => ({ upper: response.body.access_token.toUpperCase() })',
        },
      },
    };
    const { credential } = await connected({ more });
    expect(credential.values).toMatchObject({ accessToken: 'made-access-token', upper: 'MADE-ACCESS-TOKEN' });
  });
});
