import { inspect } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Authorization, beginAuthorization, finishAuthorization } from '../../src/auth/authorization.ts';
import { authType } from '../../src/auth/types.ts';
import type { AuthOption } from '../../src/connector/connector.ts';
import type { TielineError } from '../../src/errors.ts';
import type { Scope } from '../../src/expression/template.ts';
import { signIn } from '../../src/sandbox/person.ts';
import { type Sandbox, startSandbox } from '../../src/sandbox/sandbox.ts';
import { failureOf } from '../keystore/failure.ts';
import { meStatus } from '../sandbox/client.ts';
import { appOf, REDIRECT_URI } from './account.ts';
import { oauthOption, optionOf, sandboxConnector } from './option.ts';
import { sendTo } from './sender.ts';

let sandbox: Sandbox;
let option: AuthOption;
let scope: Scope;

beforeAll(async () => {
  sandbox = await startSandbox();
  option = optionOf(await sandboxConnector(), 'oauth');
  scope = { app: appOf(sandbox) };
});
afterAll(() => sandbox.close());

const begin = (it: AuthOption = option, now = Date.now()) =>
  beginAuthorization('sandbox', it, scope, { redirectUri: REDIRECT_URI, now });

const finish = (authorization: Authorization, callback: URL | string, it: AuthOption = option, now = Date.now()) =>
  finishAuthorization(authorization, it, scope, new URL(callback), { send: sendTo(sandbox.url), now });

/** A flow up to the moment in which the browser comes back. */
async function landed(it: AuthOption = option, decision: 'allow' | 'deny' = 'allow') {
  const { url, authorization } = await begin(it);
  return { authorization, callback: new URL(await signIn(url.href, 'ada', { decision })) };
}

const isFailed = (error: TielineError) => {
  expect(error).toMatchObject({ code: 'authorization_failed', hint: 'Start again.' });
  return error;
};

describe('a sign-in', () => {
  it('ends with tokens that work', async () => {
    const { authorization, callback } = await landed();
    const now = Date.now();
    const { values, expiresAt } = await finish(authorization, callback, option, now);
    expect(values).toEqual({
      accessToken: expect.any(String),
      refreshToken: expect.any(String),
      scope: expect.stringContaining('read'),
    });
    expect(expiresAt).toBe(now + 60_000);
    const built = { method: 'GET', url: new URL(sandbox.url), headers: {} };
    const moment = { now, nonce: () => 'once' };
    const { headers } = await authType(option).apply(option, { credentials: values }, built, moment);
    expect(headers).toEqual({ authorization: `Bearer ${values.accessToken}` });
    expect(await meStatus(sandbox, String(values.accessToken))).toBe(200);
  });

  it('asks with PKCE, a state, and nothing secret', async () => {
    const [one, two] = [await begin(), await begin()];
    const asked = Object.fromEntries(one.url.searchParams);
    expect(one.url.href.startsWith(`${sandbox.url}/oauth/authorize?`)).toBe(true);
    expect(asked).toEqual({
      response_type: 'code',
      client_id: sandbox.clientId,
      redirect_uri: REDIRECT_URI,
      scope: 'openid offline_access read write',
      state: one.authorization.state,
      code_challenge: expect.stringMatching(/^[\w-]{43}$/),
      code_challenge_method: 'S256',
      prompt: 'consent',
    });
    expect(one.url.href).not.toContain(one.authorization.verifier);
    expect(one.url.href).not.toContain(sandbox.clientSecret);
    expect(one.authorization.state).toMatch(/^[\w-]{43}$/);
    expect(one.authorization.state).not.toBe(two.authorization.state);
    expect(one.authorization.verifier).not.toBe(two.authorization.verifier);
  });

  it('keeps the parameters of the address, and its own against those of the definition', async () => {
    const odd = oauthOption(
      {
        authorizeUri: '{{ app.baseUrl }}/oauth/authorize?audience=api&state=fixed',
        extra: {
          access_type: 'offline',
          state: 'fixed',
          client_id: 'other',
          redirect_uri: 'https://evil.example',
          max_age: '60',
        },
        scopeSeparator: ',',
      },
      { scopes: ['a', 'b'] },
    );
    const { url, authorization } = await begin(odd);
    expect(Object.fromEntries(url.searchParams)).toMatchObject({
      audience: 'api',
      access_type: 'offline',
      max_age: '60',
      scope: 'a,b',
      state: authorization.state,
      client_id: sandbox.clientId,
      redirect_uri: REDIRECT_URI,
    });
    expect(url.searchParams.getAll('state')).toHaveLength(1);
  });

  it('may go without PKCE and without scopes', async () => {
    const { url, authorization } = await begin(oauthOption({ pkce: 'off' }));
    expect([...url.searchParams.keys()].sort()).toEqual(['client_id', 'redirect_uri', 'response_type', 'state']);
    expect(authorization.verifier).toBe('');
  });

  it('needs a client ID', async () => {
    const nobody = { app: { baseUrl: sandbox.url } };
    const error = await failureOf(
      beginAuthorization('sandbox', option, nobody, { redirectUri: REDIRECT_URI, now: Date.now() }),
    );
    expect(error.code).toBe('config_invalid');
  });
});

describe('an address to authorize at', () => {
  // CVE-2025-6514: what a browser, or a shell on the way to it, would do with these.
  it.each([
    'javascript:alert(1)',
    'JavaScript:alert(1)',
    'file:///etc/passwd',
    'data:text/html,x',
    'vscode://open?x=1',
    'blob:https://provider.example/1',
    'https://user@provider.example/authorize',
    'https://user:password@provider.example/authorize',
    'https://:password@provider.example/authorize',
    'http://provider.example/authorize',
    'http://127.0.0.1.evil.example/authorize',
    'http://localhost.evil.example/authorize',
    'http://10.0.0.1/authorize',
    '--flag',
    '$(calc)',
    '/oauth/authorize',
    ' ',
    '',
  ])('is refused: %j', async (authorizeUri) => {
    expect((await failureOf(begin(oauthOption({ authorizeUri })))).code).toBe('definition_invalid');
  });

  it('is refused when there is none', async () => {
    expect((await failureOf(begin(oauthOption({ authorizeUri: '{{ app.nothing }}' })))).code).toBe(
      'definition_invalid',
    );
  });

  it.each([
    ['https://provider.example/a%20b', 'https://provider.example/a%20b'],
    ['https://provider.example/$(calc) "x"', 'https://provider.example/$(calc)%20%22x%22'],
    ['http://localhost:8080/authorize', 'http://localhost:8080/authorize'],
    ['http://[::1]/authorize', 'http://[::1]/authorize'],
    ['http://2130706433/authorize', 'http://127.0.0.1/authorize'],
  ])('may be %s', async (authorizeUri, address) => {
    const { url } = await begin(oauthOption({ authorizeUri }));
    expect(url.origin + url.pathname).toBe(address);
  });
});

describe('a callback', () => {
  it.each([
    ['another state', (it: URL) => it.searchParams.set('state', 'x'.repeat(43))],
    ['no state', (it: URL) => it.searchParams.delete('state')],
    ['an empty state', (it: URL) => it.searchParams.set('state', '')],
    ['two states', (it: URL) => it.searchParams.append('state', 'x')],
    ['no code', (it: URL) => it.searchParams.delete('code')],
    ['two codes', (it: URL) => it.searchParams.append('code', 'x')],
    ['an error for another state', (it: URL) => (it.search = '?error=access_denied&state=x')],
    ['a token', (it: URL) => it.searchParams.set('token', 'x')],
    ['nothing', (it: URL) => (it.search = '')],
  ])('with %s never reaches the token endpoint', async (_, change) => {
    const { authorization, callback } = await landed();
    const before = sandbox.observed.tokenRequests.length;
    change(callback);
    const { message } = isFailed(await failureOf(finish(authorization, callback)));
    expect(message).toContain('does not belong to this sign-in');
    expect(sandbox.observed.tokenRequests.length).toBe(before);
  });

  it('stays as it is', async () => {
    const { authorization, callback } = await landed();
    const { href } = callback;
    const send = sendTo(sandbox.url);
    await finishAuthorization(authorization, option, scope, callback, { send, now: Date.now() });
    expect(callback.href).toBe(href);
  });

  it('tells that the person said no', async () => {
    const { authorization, callback } = await landed(option, 'deny');
    const before = sandbox.observed.tokenRequests.length;
    expect(isFailed(await failureOf(finish(authorization, callback))).message).toContain('access_denied');
    expect(sandbox.observed.tokenRequests.length).toBe(before);
  });

  it('shows the error of the provider in one short line', async () => {
    const { authorization } = await landed();
    const error = encodeURIComponent(`<b>no\n\u202e${'x'.repeat(500)}`);
    const { message } = isFailed(
      await failureOf(finish(authorization, `${REDIRECT_URI}?state=${authorization.state}&error=${error}`)),
    );
    expect(message).toMatch(/^[^<>\p{C}]{1,300}$/u);
  });

  it('comes within ten minutes, or not at all', async () => {
    const { authorization, callback } = await landed();
    const before = sandbox.observed.tokenRequests.length;
    const late = authorization.expiresAt + 1;
    expect(isFailed(await failureOf(finish(authorization, callback, option, late))).message).toContain('ten minutes');
    expect(sandbox.observed.tokenRequests.length).toBe(before);
    expect(authorization.expiresAt - Date.now()).toBeLessThanOrEqual(600_000);
    expect((await finish(authorization, callback, option, late - 1)).values.accessToken).toBeDefined();
  });
});

describe('a code', () => {
  it('works once, and its tokens end with a second use', async () => {
    const { authorization, callback } = await landed();
    const first = await finish(authorization, callback);
    expect(isFailed(await failureOf(finish(authorization, callback))).message).toContain('invalid_grant');
    expect(await meStatus(sandbox, String(first.values.accessToken))).toBe(401);
  });

  it.each<[string, (it: Authorization) => Partial<Authorization>]>([
    ['another verifier', () => ({ verifier: 'v'.repeat(43) })],
    ['no verifier', () => ({ verifier: '' })],
    ['another redirect URI', () => ({ redirectUri: REDIRECT_URI.replace('49876', '49877') })],
  ])('does not work with %s', async (_, change) => {
    const { authorization, callback } = await landed();
    const error = isFailed(await failureOf(finish({ ...authorization, ...change(authorization) }, callback)));
    expect(error.message).toContain('invalid_grant');
    const shown = `${error.message}${error.hint}${error.stack}${inspect(error, { depth: 20 })}`;
    for (const secret of [callback.searchParams.get('code') ?? '', authorization.verifier, sandbox.clientSecret]) {
      expect(shown).not.toContain(secret);
    }
  });

  it('of one sign-in does not serve another', async () => {
    const [mine, other] = [await landed(), await landed()];
    other.callback.searchParams.set('state', mine.authorization.state);
    expect(isFailed(await failureOf(finish(mine.authorization, other.callback))).message).toContain('invalid_grant');
  });
});

/** RFC 9207: an answer says whose it is, so that one provider's cannot be passed off as another's. */
describe('the issuer of an answer', () => {
  const issued = (issuer?: string): AuthOption => {
    const { issuer: _, ...mapping } = option.methods.getOAuthConfig?.mapping ?? { clientId: '', tokenUri: '' };
    const getOAuthConfig = { mapping: { ...mapping, ...(issuer !== undefined && { issuer }) } };
    return { ...option, methods: { ...option.methods, getOAuthConfig } };
  };

  it('is compared where the definition names one', async () => {
    const right = issued('{{ app.baseUrl }}/oauth');
    const { authorization, callback } = await landed(right);
    expect(callback.searchParams.get('iss')).toBe(`${sandbox.url}/oauth`);
    expect((await finish(authorization, callback, right)).values.accessToken).toBeDefined();
  });

  it.each([
    ['another', 'https://other.example', () => undefined],
    ['one that only begins so', '{{ app.baseUrl }}/oauth/', () => undefined],
    ['none', '{{ app.baseUrl }}/oauth', (it: URL) => it.searchParams.delete('iss')],
    ['two', '{{ app.baseUrl }}/oauth', (it: URL) => it.searchParams.append('iss', 'https://other.example')],
  ])('%s is refused, before the code goes anywhere', async (_, issuer, change) => {
    const { authorization, callback } = await landed();
    const before = sandbox.observed.tokenRequests.length;
    change(callback);
    isFailed(await failureOf(finish(authorization, callback, issued(issuer))));
    expect(sandbox.observed.tokenRequests.length).toBe(before);
  });

  it('is not asked for where the definition names none', async () => {
    const silent = issued();
    const { authorization, callback } = await landed(silent);
    callback.searchParams.set('iss', 'https://other.example');
    expect((await finish(authorization, callback, silent)).values.accessToken).toBeDefined();
  });
});
