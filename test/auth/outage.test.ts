import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { freshCredential } from '../../src/auth/fresh.ts';
import { failureOf } from '../keystore/failure.ts';
import { storedAccount } from './account.ts';
import { oauthOption } from './option.ts';
import { answering, reset, startTokenServer, type TokenAnswer, type TokenServer, tokens } from './tokenserver.ts';

let server: TokenServer;

beforeEach(async () => {
  server = await startTokenServer();
  onTestFinished(() => server.close());
});

const HTML = '<!doctype html><h1>Sorry</h1><p>token=super-secret-0123456789</p>';

const OUTAGES: [string, TokenAnswer, number][] = [
  ['500', answering(500, '{"error":"boom"}'), 30],
  ['503, come back in 7 seconds', answering(503, '', { 'retry-after': '7' }), 7],
  ['503, come back at a date', answering(503, '', { 'retry-after': 'Wed, 21 Oct 2026 07:28:00 GMT' }), 30],
  ['429', answering(429, '{"error":"slow_down"}', { 'content-type': 'application/json', 'retry-after': '90' }), 90],
  ['400, but the server’s own error', answering(400, '{"error":"temporarily_unavailable"}'), 30],
  ['HTML with status 200', answering(200, HTML, { 'content-type': 'text/html' }), 30],
  ['HTML with status 502', answering(502, HTML, { 'content-type': 'text/html' }), 30],
  ['nothing with status 204', answering(204, ''), 30],
  ['a redirect', answering(302, '', { location: 'https://elsewhere.example/token' }), 30],
  ['JSON without a token', answering(200, '{"ok":true}'), 30],
  ['a reset connection', reset, 30],
];

/** Due, with ten seconds left; or over for a second. */
const lasting = (now: number) => ({ obtainedAt: now - 50_000, expiresAt: now + 10_000 });
const over = (now: number) => ({ obtainedAt: now - 60_000, expiresAt: now - 1_000 });

const account = (when: (now: number) => object, version = 1) =>
  storedAccount({ url: server.url, clientId: 'client', clientSecret: 'client-secret' }, oauthOption(), {
    version,
    values: { accessToken: 'old-token', refreshToken: 'refresh-1' },
    ...when(Date.now()),
  });

describe.each(OUTAGES)('a token endpoint that answers with %s', (_, answer, retryAfter) => {
  it('lets a token serve until its time is over, and the next call tries again', async () => {
    server.answer = answer;
    const it = await account(lasting);
    expect((await freshCredential(it.options())).values.accessToken).toBe('old-token');
    expect(server.seen).toHaveLength(1);
    server.answer = tokens({ access_token: 'new-token', expires_in: 60 });
    expect((await freshCredential(it.options())).values).toEqual({
      accessToken: 'new-token',
      refreshToken: 'refresh-1',
    });
  });

  it('then makes calls fail, with the time to come back, and nothing is lost', async () => {
    server.answer = answer;
    const it = await account(over);
    const before = await it.read();
    const error = await failureOf(freshCredential(it.options()));
    expect(error).toMatchObject({ code: 'refresh_failed', retryAfter });
    expect(`${error.message}${error.hint}${error.stack}`).not.toMatch(/super-secret|<h1>|elsewhere/);
    expect(await it.read()).toEqual(before);
  });
});

describe('a token that was refused while the token endpoint is down', () => {
  it('serves nobody who was refused with it, not even beside those who still use it', async () => {
    server.answer = (response) =>
      setTimeout(() => answering(500, '')(response, { headers: {}, body: new URLSearchParams() }), 20);
    const it = await account(lasting);
    const [using, refused] = await Promise.all([
      freshCredential(it.options()),
      failureOf(freshCredential(it.options({ rejectedVersion: 1 }))),
    ]);
    expect(using.values.accessToken).toBe('old-token');
    expect(refused.code).toBe('refresh_failed');
  });
});

describe('what is the same at the next try', () => {
  it.each([
    [
      'a client that the provider does not know',
      answering(401, '{"error":"invalid_client"}', {
        'content-type': 'application/json',
        'www-authenticate': 'Basic realm="oauth"',
      }),
    ],
    ['a request that it does not understand', answering(400, '{"error":"unsupported_grant_type"}')],
    ['an error with status 200', answering(200, '{"error":"incorrect_client_credentials"}')],
  ])('is a matter of the app: %s', async (_, answer) => {
    server.answer = answer;
    const it = await account(over);
    const error = await failureOf(freshCredential(it.options()));
    expect(error).toMatchObject({ code: 'config_invalid', retryAfter: undefined });
    expect((await it.read()).failure).toBeUndefined();
  });

  it('is an address that the connector may not reach', async () => {
    const elsewhere = oauthOption({ tokenUri: 'https://elsewhere.example/token' });
    const provider = { url: server.url, clientId: 'client', clientSecret: 'client-secret' };
    const it = await storedAccount(provider, elsewhere, { values: { refreshToken: 'r' } });
    expect(await failureOf(freshCredential(it.options()))).toMatchObject({
      code: 'target_forbidden',
      retryAfter: undefined,
    });
  });

  it('is a refresh without a refresh token', async () => {
    const it = await storedAccount({ url: server.url, clientId: 'c', clientSecret: 's' }, oauthOption(), {});
    expect((await failureOf(freshCredential(it.options()))).code).toBe('reauthorization_required');
    expect(server.seen).toHaveLength(0);
  });

  it.each(['', 'not an address', '/token'])('is the token address %j', async (tokenUri) => {
    const provider = { url: server.url, clientId: 'c', clientSecret: 's' };
    const it = await storedAccount(provider, oauthOption({ tokenUri }), { values: { refreshToken: 'r' } });
    expect((await failureOf(freshCredential(it.options()))).code).toBe('definition_invalid');
  });
});
