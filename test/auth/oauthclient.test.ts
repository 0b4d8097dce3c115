import { inspect } from 'node:util';
import { afterAll, beforeAll, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { beginAuthorization, finishAuthorization } from '../../src/auth/authorization.ts';
import { freshCredential } from '../../src/auth/fresh.ts';
import { authType } from '../../src/auth/types.ts';
import type { AuthOption } from '../../src/connector/connector.ts';
import type { Scope } from '../../src/expression/template.ts';
import { type Sandbox, startSandbox } from '../../src/sandbox/sandbox.ts';
import { failureOf } from '../keystore/failure.ts';
import { meStatus } from '../sandbox/client.ts';
import { REDIRECT_URI, storedAccount } from './account.ts';
import { oauthOption, optionOf, sandboxConnector } from './option.ts';
import { askNothing, sendTo } from './sender.ts';
import { answering, startTokenServer, type TokenRequest, type TokenServer, tokens } from './tokenserver.ts';

let sandbox: Sandbox;

beforeAll(async () => {
  sandbox = await startSandbox();
});
afterAll(() => sandbox.close());

let server: TokenServer;

beforeEach(async () => {
  server = await startTokenServer();
  onTestFinished(() => server.close());
});

const app = { clientId: 'client-1', clientSecret: 'client secret/é:1' };
const granting = { grant: 'client_credentials' } as const;

/** Renews at the server, with a refresh token or as the client itself, as `option` says. */
async function renew(
  option: AuthOption,
  credentials: Record<string, unknown> = {},
  more: Record<string, unknown> = app,
) {
  const scope: Scope = { app: { baseUrl: server.url, ...more }, credentials };
  const { renewal } = authType(option);
  if (!renewal) throw new Error('nothing renews this option');
  return renewal.renew({ connector: 'desk', option, scope, send: sendTo(server.url), ask: askNothing, now: 1_000 });
}

const last = () => {
  const { headers, body } = server.seen.at(-1) ?? { headers: {}, body: new URLSearchParams() };
  return { headers, body: Object.fromEntries(body) };
};

const basicOf = (pair: string) => `Basic ${Buffer.from(pair).toString('base64')}`;

describe('client credentials', () => {
  const link = async () =>
    storedAccount(sandbox, optionOf(await sandboxConnector(), 'client'), { values: {}, obtainedAt: Date.now() });

  it('get the first token when it is needed, once for all who need it', async () => {
    const it = await link();
    const before = sandbox.observed.tokenRequests.length;
    const served = await Promise.all(Array.from({ length: 20 }, () => freshCredential(it.options())));
    expect(sandbox.observed.tokenRequests.slice(before)).toMatchObject([{ grantType: 'client_credentials', ok: true }]);
    expect(new Set(served.map(({ version }) => version))).toEqual(new Set([2]));
    const { values } = await it.read();
    expect(values).toEqual({ accessToken: expect.any(String), scope: 'read write' });
    expect(await meStatus(sandbox, String(values.accessToken))).toBe(200);
  });

  it('get another one when that is over or refused', async () => {
    const it = await link();
    await freshCredential(it.options());
    sandbox.expireAccessTokens();
    const renewed = await freshCredential(it.options({ rejectedVersion: 2 }));
    expect(renewed.version).toBe(3);
    expect(await meStatus(sandbox, String(renewed.values.accessToken))).toBe(200);
  });

  it.each(['headers', 'body', 'both'] as const)(
    'with a wrong secret in the %s are a matter of the app',
    async (clientAuthLocation) => {
      const option = oauthOption({ clientAuthLocation }, granting);
      const it = await storedAccount({ ...sandbox, clientSecret: 'wrong-secret-123' }, option, {});
      const error = await failureOf(freshCredential(it.options()));
      expect(error.code).toBe('config_invalid');
      expect(`${error.message}${error.hint}${error.stack}`).not.toContain('wrong-secret-123');
    },
  );

  it('use the token endpoint, not the one for refreshes', async () => {
    await renew(oauthOption({ refreshUri: '{{ app.baseUrl }}/nowhere/to/go' }, { ...granting, scopes: ['a', 'b'] }));
    expect(last().body).toEqual({
      grant_type: 'client_credentials',
      scope: 'a b',
      client_id: app.clientId,
      client_secret: app.clientSecret,
    });
  });
});

describe('a client', () => {
  const encoded = basicOf('client-1:client+secret%2F%C3%A9%3A1');
  const inBody = { client_id: app.clientId, client_secret: app.clientSecret };

  it.each([
    ['headers', encoded, {}],
    ['body', undefined, inBody],
    ['both', encoded, inBody],
  ] as const)('shows its secret in the %s', async (clientAuthLocation, authorization, parameters) => {
    await renew(oauthOption({ clientAuthLocation }, granting));
    const { headers, body } = last();
    expect(headers.authorization).toBe(authorization);
    expect(body).toEqual({ grant_type: 'client_credentials', ...parameters });
  });

  it('shows it in the body unless told otherwise', async () => {
    await renew(oauthOption({}, granting));
    expect(last().headers.authorization).toBeUndefined();
    expect(last().body).toMatchObject(inBody);
  });

  it('does not encode what usual secrets are made of, as some providers do not decode', async () => {
    const usual = { clientId: '123-abc_d.apps.example', clientSecret: 'GOCSPX-a_b.c*d~' };
    await renew(oauthOption({ clientAuthLocation: 'headers' }, granting), {}, usual);
    expect(last().headers.authorization).toBe(basicOf('123-abc_d.apps.example:GOCSPX-a_b.c*d%7E'));
  });

  it('without a secret only says who it is', async () => {
    await renew(oauthOption({ clientAuthLocation: 'headers' }, granting), {}, { clientId: 'public' });
    expect(last().headers.authorization).toBeUndefined();
    expect(last().body).toEqual({ grant_type: 'client_credentials', client_id: 'public' });
  });
});

describe('a token request', () => {
  const option = oauthOption({
    extraToken: {
      audience: '{{ app.audience }}',
      nothing: '{{ app.nothing }}',
      grant_type: 'other',
      refresh_token: 'x',
    },
    tokenHeaders: { Accept: 'application/vnd.desk+json', 'X-Tenant': '{{ credentials.tenant }}' },
  });
  const more = { ...app, audience: 'https://api.example' };

  it('carries what the definition adds, and not in the place of its own', async () => {
    await renew(option, { refreshToken: 'r1', tenant: 't1' }, more);
    const { headers, body } = last();
    expect(body).toEqual({
      grant_type: 'refresh_token',
      refresh_token: 'r1',
      audience: 'https://api.example',
      client_id: app.clientId,
      client_secret: app.clientSecret,
    });
    expect(headers).toMatchObject({
      accept: 'application/vnd.desk+json',
      'x-tenant': 't1',
      'content-type': expect.stringContaining('application/x-www-form-urlencoded'),
    });
  });

  it('as the client itself carries it too', async () => {
    const own = oauthOption({ ...option.methods.getOAuthConfig?.mapping }, granting);
    await renew(own, { tenant: 't1' }, more);
    expect(last().body).toMatchObject({ audience: 'https://api.example', grant_type: 'client_credentials' });
    expect(last().headers['x-tenant']).toBe('t1');
  });

  it('for a code carries it too, and the verifier', async () => {
    const scope: Scope = { app: { baseUrl: server.url, ...more }, credentials: { tenant: 't1' } };
    const now = Date.now();
    const { authorization } = await beginAuthorization('desk', option, scope, { redirectUri: REDIRECT_URI, now });
    const callback = new URL(`${REDIRECT_URI}?code=c1&state=${authorization.state}`);
    const send = sendTo(server.url);
    const renewal = await finishAuthorization(authorization, option, scope, callback, { send, now });
    expect(renewal).toEqual({ values: { accessToken: 'first' } });
    expect(last().headers['x-tenant']).toBe('t1');
    expect(last().body).toEqual({
      grant_type: 'authorization_code',
      code: 'c1',
      redirect_uri: REDIRECT_URI,
      code_verifier: authorization.verifier,
      audience: 'https://api.example',
      refresh_token: 'x',
      client_id: app.clientId,
      client_secret: app.clientSecret,
    });
  });

  it('for a code that is not answered ends the sign-in', async () => {
    server.answer = answering(503, '');
    const scope: Scope = { app: { baseUrl: server.url, ...app } };
    const now = Date.now();
    const { authorization } = await beginAuthorization('desk', oauthOption(), scope, {
      redirectUri: REDIRECT_URI,
      now,
    });
    const callback = new URL(`${REDIRECT_URI}?code=c1&state=${authorization.state}`);
    const send = sendTo(server.url);
    const error = await failureOf(finishAuthorization(authorization, oauthOption(), scope, callback, { send, now }));
    expect(error).toMatchObject({ code: 'authorization_failed', hint: 'Start again.' });
    expect(error.message).toContain('503');
  });

  it('for a refresh goes to the address for refreshes, without a redirect URI or scopes', async () => {
    const elsewhere = oauthOption(
      { tokenUri: 'https://unreachable.example/token', refreshUri: '{{ app.baseUrl }}/refresh' },
      { scopes: ['a'] },
    );
    expect(await renew(elsewhere, { refreshToken: 'r1' })).toEqual({ values: { accessToken: 'first' } });
    expect(Object.keys(last().body).sort()).toEqual(['client_id', 'client_secret', 'grant_type', 'refresh_token']);
  });
});

describe('what is kept of an answer', () => {
  it.each<[string, Record<string, unknown>, object]>([
    ['a token', { access_token: 'a' }, { values: { accessToken: 'a' } }],
    ['its time', { access_token: 'a', expires_in: '60' }, { values: { accessToken: 'a' }, expiresAt: 61_000 }],
    [
      'a time without end',
      { access_token: 'a', expires_in: 1e300 },
      { values: { accessToken: 'a' }, expiresAt: 3_153_600_001_000 },
    ],
    [
      'a new refresh token and the scopes',
      { access_token: 'a', refresh_token: 'r2', scope: 's' },
      { values: { accessToken: 'a', refreshToken: 'r2', scope: 's' } },
    ],
    ['no ID token', { access_token: 'a', id_token: 'x.y.z' }, { values: { accessToken: 'a' } }],
  ])('%s', async (_, body, renewal) => {
    server.answer = tokens(body);
    const got = await renew(oauthOption(), { refreshToken: 'r1' });
    expect(got).toEqual(renewal);
    expect(JSON.parse(JSON.stringify(got))).toEqual(renewal);
  });
});

describe('an error of a token request', () => {
  const SECRETS = ['refresh-token-1', 'app-secret/1+2', 'planted-access-token', 'planted-refresh-token'];
  const credentials = { refreshToken: 'refresh-token-1' };
  const secretApp = { clientId: 'client-1', clientSecret: 'app-secret/1+2' };

  /** All that anybody could print of it: plain, percent-encoded, in base64. */
  function expectNoSecret(error: Error, secrets: readonly string[] = SECRETS): void {
    const shown = inspect(error, { depth: 20, showHidden: true });
    for (const secret of secrets) {
      const pair = Buffer.from(`client-1:${encodeURIComponent(secret)}`)
        .toString('base64')
        .replace(/=+$/, '');
      for (const form of [secret, encodeURIComponent(secret), Buffer.from(secret).toString('base64'), pair]) {
        expect(shown).not.toContain(form);
      }
    }
  }

  it.each([
    ['token_revoked', undefined, /says that this authorization was revoked/],
    ['invalid_grant', 'The user has revoked the grant', /says that this authorization was revoked/],
    ['invalid_grant', 'Token has been expired or revoked.', /no longer accepts this authorization/],
    ['invalid_grant', undefined, /no longer accepts this authorization/],
  ])('tells one that was revoked from others where the provider does: %s, %s', async (error, description, says) => {
    server.answer = answering(400, JSON.stringify({ error, error_description: description }));
    const failure = await failureOf(renew(oauthOption(), credentials, secretApp));
    expect(failure).toMatchObject({ code: 'reauthorization_required', message: expect.stringMatching(says) });
  });

  const echoes: Record<string, (request: TokenRequest) => string> = {
    'the body': ({ body }) => body.toString(),
    'its values': ({ body }) => [...body.values()].join(' '),
    'the header': ({ headers }) => String(headers.authorization),
    'the header’s value': ({ headers }) => `[${headers.authorization?.replace('Basic ', '')}]`,
  };

  it.each(
    Object.keys(echoes).flatMap((echo) => [
      [echo, 'invalid_grant', 400, 'reauthorization_required'] as const,
      [echo, 'invalid_client', 401, 'config_invalid'] as const,
      [echo, 'server_error', 500, 'refresh_failed'] as const,
    ]),
  )('does not repeat what was sent, although the provider does: %s with %s', async (echo, code, status, expected) => {
    server.answer = (response, request) => {
      const said = JSON.stringify({ error: code, error_description: echoes[echo]?.(request) });
      answering(status, said)(response, request);
    };
    const option = oauthOption({ clientAuthLocation: 'both' });
    const error = await failureOf(renew(option, credentials, secretApp));
    expect(error.code).toBe(expected);
    expectNoSecret(error);
  });

  it.each([
    [
      'a refresh token that is no text',
      { access_token: 'planted-access-token', refresh_token: { a: 'planted-refresh-token' } },
    ],
    ['no access token', { refresh_token: 'planted-refresh-token', token: 'planted-access-token' }],
    ['a scope that is no text', { access_token: 'planted-access-token', scope: { a: 1 } }],
  ])('does not repeat what was received: %s', async (_, body) => {
    server.answer = tokens(body);
    const error = await failureOf(renew(oauthOption(), credentials, secretApp));
    expect(error.code).toBe('refresh_failed');
    expectNoSecret(error);
  });

  it('shows the provider’s words in one short line', async () => {
    const description = `<script>alert(1)</script>\r\n\u202eevil${'x'.repeat(1_000)}`;
    server.answer = answering(400, JSON.stringify({ error: 'invalid_grant\n<b>', error_description: description }));
    const { message } = await failureOf(renew(oauthOption(), credentials, secretApp));
    expect(message).toContain('invalid_grant b');
    expect(message).toMatch(/^[^<>\p{C}]{1,500}$/u);
  });

  it('tells a cancellation as such', async () => {
    const option = oauthOption();
    const scope: Scope = { app: { baseUrl: server.url, ...app }, credentials };
    const context = {
      connector: 'desk',
      option,
      scope,
      send: sendTo(server.url),
      ask: askNothing,
      now: 0,
      signal: AbortSignal.abort(),
    };
    const renewing = authType(option).renewal?.renew(context) ?? Promise.resolve();
    expect((await failureOf(renewing)).code).toBe('canceled');
  });
});
