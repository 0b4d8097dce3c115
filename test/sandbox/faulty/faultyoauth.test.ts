import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  FAULT_NAMES,
  FAULTS,
  type FaultName,
  type FaultyOAuth,
  startFaultyOAuth,
} from '../../../src/sandbox/faulty/faultyoauth.ts';
import { api, refresh } from './faultyclient.ts';

const NOW = Date.parse('2026-03-01T12:00:00.250Z');
const JSON_TYPE = 'application/json';
const JSON_UTF8 = 'application/json; charset=utf-8';

/** `tokens` are those that were issued. */
type Tokens = { accessToken: string; refreshToken?: string };
type Expected = {
  status: number;
  type: string | null;
  /** Text is compared as it is, anything else as JSON. */
  body: (tokens: Tokens) => unknown;
  headers?: Readonly<Record<string, string | null>>;
  /** What the refresh token that was sent is good for afterwards. */
  after: 'spent' | 'good' | 'revoked';
};
type Broken = { error: string; after: Expected['after'] };

const full = (it: Tokens) => ({
  access_token: it.accessToken,
  token_type: 'Bearer',
  expires_in: 60,
  refresh_token: it.refreshToken,
  scope: 'read write',
});
const without = (body: Readonly<Record<string, unknown>>, name: string) =>
  Object.fromEntries(Object.entries(body).filter(([it]) => it !== name));
const ok = (more: Partial<Expected> = {}): Expected => ({
  status: 200,
  type: JSON_TYPE,
  body: full,
  after: 'spent',
  ...more,
});
const over = (status: number, body: unknown, type = JSON_UTF8): Expected => ({
  status,
  type,
  body: () => body,
  after: 'revoked',
});
const GITHUB = {
  error: 'bad_refresh_token',
  error_description: 'The refresh token passed is incorrect or expired.',
  error_uri:
    'https://docs.github.com/apps/managing-oauth-apps/troubleshooting-oauth-app-access-token-request-errors/#bad-verification-code',
};
const limit = (retryAfter: string | null): Expected => ({
  status: 429,
  type: JSON_UTF8,
  body: () => ({ ok: false, error: 'ratelimited' }),
  headers: { 'retry-after': retryAfter },
  after: 'good',
});

const WIRE: Readonly<Record<FaultName, Expected | Broken>> = {
  none: ok({ headers: { 'cache-control': 'no-store', pragma: 'no-cache', date: 'Sun, 01 Mar 2026 12:00:00 GMT' } }),
  lost_reply: { error: 'UND_ERR_SOCKET', after: 'spent' },
  late_reply: ok(),
  reset: { error: 'ECONNRESET', after: 'good' },
  redirect_other_host: { status: 307, type: null, body: () => '', after: 'good' },
  error_500_then_ok: { status: 500, type: JSON_TYPE, body: () => ({ error: 'server_error' }), after: 'good' },
  temporarily_unavailable: {
    status: 400,
    type: JSON_TYPE,
    body: () => ({ error: 'temporarily_unavailable', error_description: 'The server is temporarily too busy.' }),
    after: 'good',
  },
  rate_limited_seconds: limit('7'),
  rate_limited_date: limit('Sun, 01 Mar 2026 12:00:07 GMT'),
  rate_limited_no_header: limit(null),
  html_200: {
    status: 200,
    type: 'text/html; charset=utf-8',
    body: () =>
      '<!DOCTYPE html>\n<html><head><title>Down for maintenance</title></head><body><h1>Down for maintenance</h1></body></html>\n',
    after: 'good',
  },
  empty_200: { status: 200, type: null, body: () => '', headers: { 'content-length': '0' }, after: 'good' },
  ok_false_200: { status: 200, type: JSON_UTF8, body: () => ({ ok: false, error: 'internal_error' }), after: 'good' },
  error_200: over(200, new URLSearchParams(GITHUB).toString(), 'application/x-www-form-urlencoded; charset=utf-8'),
  truncated_json: ok({ body: (it) => JSON.stringify(full(it)).slice(0, JSON.stringify(full(it)).length / 2) }),
  no_expires_in: ok({ body: (it) => without(full(it), 'expires_in') }),
  expires_in_text: ok({ body: (it) => ({ ...full(it), expires_in: '60' }) }),
  expires_in_zero: ok({ body: (it) => ({ ...full(it), expires_in: 0 }) }),
  expires_at: ok({
    body: (it) => ({ ...without(full(it), 'expires_in'), expires_at: Date.parse('2026-03-01T12:01:00Z') / 1000 }),
  }),
  clock_ahead: ok({
    body: (it) => ({ ...full(it), expires_at: Date.parse('2026-03-02T12:01:00Z') / 1000 }),
    headers: { date: 'Mon, 02 Mar 2026 12:00:00 GMT' },
  }),
  clock_behind: ok({
    body: (it) => ({ ...full(it), expires_at: Date.parse('2026-02-28T12:01:00Z') / 1000 }),
    headers: { date: 'Sat, 28 Feb 2026 12:00:00 GMT' },
  }),
  no_new_refresh_token: ok({ body: (it) => without(full(it), 'refresh_token'), after: 'good' }),
  huge_body: ok({
    body: (it) => ({ ...without(full(it), 'refresh_token'), padding: 'x'.repeat(2 * 1024 * 1024) }),
    after: 'good',
  }),
  wrong_content_type: ok({ type: 'text/html', body: (it) => JSON.stringify(full(it)) }),
  form_encoded: ok({
    type: 'application/x-www-form-urlencoded; charset=utf-8',
    body: ({ accessToken, refreshToken }) =>
      `access_token=${accessToken}&expires_in=60&refresh_token=${refreshToken}&refresh_token_expires_in=15897600&scope=&token_type=bearer`,
  }),
  nested_token: ok({
    type: JSON_UTF8,
    body: ({ accessToken, refreshToken }) => ({
      ok: true,
      app_id: 'A0001',
      authed_user: {
        id: 'U0001',
        scope: 'chat:write',
        access_token: accessToken,
        token_type: 'user',
        expires_in: 60,
        refresh_token: refreshToken,
      },
      team: { id: 'T0001', name: 'Analytical Engines' },
      enterprise: null,
      is_enterprise_install: false,
    }),
  }),
  google_invalid_grant: over(400, {
    error: 'invalid_grant',
    error_description: 'Token has been expired or revoked.',
  }),
  microsoft_invalid_grant: over(400, {
    error: 'invalid_grant',
    error_description: expect.stringMatching(
      /^AADSTS50173: The provided grant has expired due to it being revoked, .*\r\nTrace ID: [0-9a-f-]{36}\r\nCorrelation ID: [0-9a-f-]{36}\r\nTimestamp: 2026-01-02 03:04:05Z$/,
    ),
    error_codes: [50173],
    timestamp: '2026-01-02 03:04:05Z',
    trace_id: expect.stringMatching(/^[0-9a-f-]{36}$/),
    correlation_id: expect.stringMatching(/^[0-9a-f-]{36}$/),
    error_uri: 'https://login.microsoftonline.com/error?code=50173',
    suberror: 'bad_token',
  }),
  salesforce_invalid_grant: over(
    400,
    { error: 'invalid_grant', error_description: 'expired access/refresh token' },
    'application/json; charset=UTF-8',
  ),
  slack_token_revoked: over(200, { ok: false, error: 'token_revoked' }),
  github_bad_refresh_token: over(200, GITHUB),
  invalid_client: {
    status: 401,
    type: JSON_TYPE,
    body: () => ({ error: 'invalid_client', error_description: 'Client authentication failed.' }),
    headers: { 'www-authenticate': 'Basic realm="faulty"' },
    after: 'good',
  },
  unauthorized_client: {
    status: 400,
    type: JSON_TYPE,
    body: () => ({ error: 'unauthorized_client', error_description: 'The client may not use this grant type.' }),
    after: 'good',
  },
};

let provider: FaultyOAuth;

beforeEach(async () => {
  provider = await startFaultyOAuth({ accessTokenTtl: 60, delayMs: 5, retryAfter: 7, now: () => NOW });
});

afterEach(() => provider.close());

describe('each fault on the wire, and what it does to the grant', () => {
  it.each(Object.entries(WIRE))('%s', async (name, expected) => {
    const grant = provider.newGrant();
    provider.plan(name as FaultName);
    const answered = await refresh(provider, grant.refreshToken);

    const [request] = provider.requests;
    expect(request).toMatchObject({
      refreshToken: grant.refreshToken,
      grantType: 'refresh_token',
      fault: name,
      at: NOW,
    });
    if ('error' in expected) {
      expect(answered.error).toBe(expected.error);
    } else {
      const body = expected.body(request?.issued ?? { accessToken: 'none was issued' });
      expect(answered).toMatchObject({ status: expected.status, type: expected.type });
      expect(typeof body === 'string' ? answered.text : JSON.parse(answered.text)).toEqual(body);
      for (const [header, value] of Object.entries(expected.headers ?? {})) {
        expect([header, answered.headers?.get(header)]).toEqual([header, value]);
      }
    }

    expect(provider.familyAlive(grant.refreshToken)).toBe(expected.after !== 'revoked');
    const again = await refresh(provider, grant.refreshToken);
    if (expected.after === 'good') expect(again.status).toBe(200);
    else expect([again.status, JSON.parse(again.text).error]).toEqual([400, 'invalid_grant']);
    expect(provider.familyAlive(grant.refreshToken)).toBe(expected.after === 'good');
  });

  it('Google indents its JSON, the others do not', async () => {
    const { refreshToken } = provider.newGrant();
    provider.plan('google_invalid_grant', 'salesforce_invalid_grant');
    const texts = [await refresh(provider, refreshToken), await refresh(provider, refreshToken)].map((it) => it.text);
    expect(texts).toEqual([
      '{\n  "error": "invalid_grant",\n  "error_description": "Token has been expired or revoked."\n}',
      '{"error":"invalid_grant","error_description":"expired access/refresh token"}',
    ]);
  });

  it('a redirect leads to another origin, which tells who followed', async () => {
    const { refreshToken } = provider.newGrant();
    provider.plan('redirect_other_host', 'redirect_other_host');
    const { headers } = await refresh(provider, refreshToken);
    expect(headers?.get('location')).toBe(`${provider.elsewhere.url}/token`);
    expect(new URL(provider.elsewhere.url).host).not.toBe(new URL(provider.url).host);
    expect(provider.elsewhere.requests).toEqual([]);
    await refresh(provider, refreshToken, { redirect: 'follow' });
    expect(provider.elsewhere.requests).toEqual(['POST /token']);
  });

  it('tokens of a good answer open the API, in whatever form they came', async () => {
    const forms = FAULT_NAMES.filter((it) => FAULTS[it].effect === 'rotate' || FAULTS[it].effect === 'reissue');
    let { refreshToken } = provider.newGrant('grace');
    for (const name of forms) {
      provider.plan(name);
      await refresh(provider, refreshToken);
      const issued = provider.requests.at(-1)?.issued;
      expect([name, (await api(provider, issued?.accessToken)).status]).toEqual([name, 200]);
      refreshToken = issued?.refreshToken ?? refreshToken;
    }
    expect(forms.length).toBeGreaterThan(10);
  });
});

describe('the plan', () => {
  it('is consumed one fault per token request, then none', async () => {
    let { refreshToken } = provider.newGrant();
    provider.plan('error_500_then_ok', 'rate_limited_seconds');
    provider.plan('reset');
    for (let round = 0; round < 5; round += 1) {
      await refresh(provider, refreshToken);
      await api(provider, 'nobody');
      refreshToken = provider.requests.at(-1)?.issued?.refreshToken ?? refreshToken;
    }
    const faults = provider.requests.map((it) => it.fault);
    expect(faults).toEqual(['error_500_then_ok', 'rate_limited_seconds', 'reset', 'none', 'none']);
  });

  it('is dropped when the provider is to behave, and can be made anew', async () => {
    const { refreshToken } = provider.newGrant();
    provider.plan('reset', 'reset');
    provider.behave();
    provider.plan('html_200');
    for (let round = 0; round < 2; round += 1) await refresh(provider, refreshToken);
    expect(provider.requests.map((it) => it.fault)).toEqual(['html_200', 'none']);
  });

  it('gives the same answers on every run', async () => {
    const [first, second] = await Promise.all([transcript(), transcript()]);
    expect(first).toEqual(second);
    expect(first).toHaveLength(2 * FAULT_NAMES.length);
  });
});

/** Every fault on a grant of its own, asked for twice with the same refresh token. */
async function transcript(): Promise<unknown[]> {
  const own = await startFaultyOAuth({ delayMs: 1, now: () => NOW });
  const lines: unknown[] = [];
  for (const name of FAULT_NAMES) {
    const { refreshToken } = own.newGrant();
    own.plan(name);
    for (const { status, error, headers, text } of [
      await refresh(own, refreshToken),
      await refresh(own, refreshToken),
    ]) {
      const sent = [...(headers ?? [])].map((it) => it.join(': ').replace(own.elsewhere.url, 'elsewhere'));
      lines.push({ name, status, error, sent, text });
    }
  }
  await own.close();
  return lines;
}
