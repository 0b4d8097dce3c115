import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import type { Credential } from '../../src/auth/credential.ts';
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

/** With the seconds to wait, where the provider says so. */
const OUTAGES: [string, TokenAnswer, number?][] = [
  ['500', answering(500, '{"error":"boom"}')],
  ['503, come back in 17 seconds', answering(503, '', { 'retry-after': '17' }), 17],
  ['503, come back at a date', answering(503, '', { 'retry-after': 'Wed, 21 Oct 2026 07:28:00 GMT' })],
  [
    '503, come back at a date of its own clock',
    answering(503, '', {
      date: 'Wed, 21 Oct 2026 07:28:00 GMT',
      'retry-after': 'Wed, 21 Oct 2026 07:28:40 GMT',
    }),
    40,
  ],
  ['429', answering(429, '{"error":"slow_down"}', { 'content-type': 'application/json', 'retry-after': '90' }), 90],
  ['400, but the server’s own error', answering(400, '{"error":"temporarily_unavailable"}')],
  ['200, but an error of the moment', answering(200, '{"ok":false,"error":"fatal_error"}')],
  ['HTML with status 200', answering(200, HTML, { 'content-type': 'text/html' })],
  ['HTML with status 502', answering(502, HTML, { 'content-type': 'text/html' })],
  ['nothing with status 204', answering(204, '')],
  ['a redirect', answering(302, '', { location: 'https://elsewhere.example/token' })],
  ['JSON without a token', answering(200, '{"ok":true}')],
  ['a reset connection', reset],
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

/** As the provider says, else two seconds, somewhat more or less. */
function expectWait(ms: number, seconds: number | undefined): void {
  if (seconds !== undefined) expect(ms).toBe(seconds * 1_000);
  else expect(Math.abs(ms - 2_000)).toBeLessThanOrEqual(500);
}

describe.each(OUTAGES)('a token endpoint that answers with %s', (_, answer, retryAfter) => {
  it('lets a token serve until its time is over, is left alone for a while and then asked again', async () => {
    server.answer = answer;
    const start = Date.now();
    const it = await account(() => ({ obtainedAt: start - 800_000, expiresAt: start + 190_000 }));
    const ask = (now: number) => freshCredential(it.options({ now: () => now }));
    expect((await ask(start)).values.accessToken).toBe('old-token');
    expect(server.seen).toHaveLength(1);
    server.answer = tokens({ access_token: 'new-token', expires_in: 60 });
    const until = (await it.read()).trouble?.until ?? 0;
    expectWait(until - start, retryAfter);
    expect((await ask(until - 1)).values.accessToken).toBe('old-token');
    expect(server.seen).toHaveLength(1);
    expect((await ask(until)).values).toEqual({ accessToken: 'new-token', refreshToken: 'refresh-1' });
    expect(server.seen).toHaveLength(2);
    expect(await it.read()).toEqual({
      version: 2,
      input: {},
      values: { accessToken: 'new-token', refreshToken: 'refresh-1' },
      obtainedAt: until,
      expiresAt: expect.any(Number),
    });
  });

  it('then makes calls fail, with the time to come back, and nothing is lost', async () => {
    server.answer = answer;
    const it = await account(over);
    const before = await it.read();
    const start = Date.now();
    const ask = (now: number) => failureOf(freshCredential(it.options({ now: () => now })));
    const error = await ask(start);
    expect(error).toMatchObject({ code: 'refresh_failed', retryAfter: retryAfter ?? expect.any(Number) });
    expect(`${error.message}${error.hint}${error.stack}`).not.toMatch(/super-secret|<h1>|elsewhere/);
    const { attemptAt: _, trouble, ...rest } = await it.read();
    expect(rest).toEqual(before);
    const { message } = error;
    const until = trouble?.until ?? 0;
    expectWait(until - start, retryAfter);
    expect(trouble).toEqual({ code: 'refresh_failed', message, at: start, until, count: 1, since: start });
    // Who comes too early learns the same, without a question to the provider.
    expect(await ask(until - 1_000)).toMatchObject({ code: 'refresh_failed', message, retryAfter: 1 });
    expect(server.seen).toHaveLength(1);
    expect((await ask(until)).code).toBe('refresh_failed');
    expect(server.seen).toHaveLength(2);
    expect((await it.read()).trouble).toMatchObject({ at: until, count: 2 });
  });
});

describe('a token request that certainly did nothing', () => {
  const once =
    (first: TokenAnswer): TokenAnswer =>
    (response, request) => {
      server.answer = tokens({ access_token: 'new-token' });
      first(response, request);
    };

  it.each([
    ['503, come back in a second', once(answering(503, '', { 'retry-after': '1' }))],
    ['429, come back in a second', once(answering(429, '', { 'retry-after': '1' }))],
  ])('is made again within the call: %s', async (_, answer) => {
    server.answer = answer;
    const it = await account(over);
    expect((await freshCredential(it.options())).values.accessToken).toBe('new-token');
    expect(server.seen).toHaveLength(2);
    expect(await it.read()).not.toHaveProperty('attemptAt');
  });

  it('is made again within the call when nothing could be connected to, and then no more', async () => {
    const it = await account(over);
    await server.close();
    let asked = 0;
    const { renew } = it.options();
    const counting = (credential: Credential) => {
      asked += 1;
      return renew?.(credential) ?? Promise.reject(new Error('unreachable'));
    };
    expect((await failureOf(freshCredential(it.options({ renew: counting })))).code).toBe('refresh_failed');
    expect(asked).toBe(2);
    // Of an outage that is known, one question tells as much as two.
    const later = Date.now() + 60_000;
    expect((await failureOf(freshCredential(it.options({ renew: counting, now: () => later })))).code).toBe(
      'refresh_failed',
    );
    expect(asked).toBe(3);
  });

  it.each([
    ['429', answering(429, '')],
    ['503', answering(503, '')],
    ['500', answering(500, '', { 'retry-after': '1' })],
    ['a reset connection', reset],
    ['503, come back in a minute', answering(503, '', { 'retry-after': '60' })],
  ])('is one alone, unlike %s', async (_, answer) => {
    server.answer = answer;
    const it = await account(over);
    expect((await failureOf(freshCredential(it.options()))).code).toBe('refresh_failed');
    expect(server.seen).toHaveLength(1);
  });

  it('keeps nobody waiting who has a token that serves', async () => {
    server.answer = answering(503, '', { 'retry-after': '1' });
    const it = await account(lasting);
    expect((await freshCredential(it.options())).values.accessToken).toBe('old-token');
    expect(server.seen).toHaveLength(1);
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
    // Somebody mends it: no time is lost then.
    server.answer = tokens({ access_token: 'new-token' });
    expect((await freshCredential(it.options())).values.accessToken).toBe('new-token');
    expect(server.seen).toHaveLength(2);
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
