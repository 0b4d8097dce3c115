import { inspect } from 'node:util';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type ApiRequest, openApi } from '../../src/sdk/api.ts';
import type { ServerOptions } from '../../src/sdk/options.ts';
import { failureOf, type Provider, type Reply, startProvider } from '../execute/stage.ts';

const KEY = 'sk-client-0123456789abcdef';
const GET: ApiRequest = { method: 'GET', path: '/things' };
const WRITE: ApiRequest = { method: 'POST', path: '/things', body: { a: 1 } };
const CREATE: ApiRequest = { ...WRITE, effect: 'create' };

let server: Provider;
beforeAll(async () => {
  server = await startProvider();
});
afterAll(() => server.close());
beforeEach(() => {
  server.seen.length = 0;
});

const ask = (request: ApiRequest, options: Partial<ServerOptions> = {}) =>
  openApi({ apiBaseUrl: server.origin, apiKey: KEY, ...options }).request(request);

/** The first answers, then `{ ok: true }`. */
function answerWith(...first: (Reply | 'hang up')[]): void {
  const left = [...first];
  server.answer((_, response) => {
    const next = left.shift() ?? { body: { ok: true } };
    if (next !== 'hang up') return next;
    response.destroy();
    return undefined;
  });
}

const problem = (status: number, code: string, more: object = {}): Reply => ({
  status,
  headers: { 'content-type': 'application/problem+json', 'retry-after': '0' },
  body: { code, detail: 'it went wrong', status, ...more },
});

describe('the API of a server', () => {
  it.each([
    ['http://h.example', 'http://h.example/api/v1/things'],
    ['http://h.example/', 'http://h.example/api/v1/things'],
    ['http://h.example/api/v1', 'http://h.example/api/v1/things'],
    ['http://h.example/tieline/api/v1/', 'http://h.example/tieline/api/v1/things'],
  ])('%s is asked at %s', async (apiBaseUrl, address) => {
    const asked: unknown[] = [];
    const fetch = async (url: unknown) => {
      asked.push(url);
      return Response.json({});
    };
    await ask(GET, { apiBaseUrl, fetch });
    expect(asked).toEqual([address]);
  });

  it('sends the key and the organization, and no Idempotency-Key unless it creates', async () => {
    answerWith();
    await ask(WRITE, { organizationId: 'org_1' });
    await ask(CREATE);
    const [plain, creating] = server.seen;
    expect(plain?.headers).toMatchObject({ authorization: `Bearer ${KEY}`, 'x-organization-id': 'org_1' });
    expect(plain?.headers['idempotency-key']).toBeUndefined();
    expect(creating?.headers['idempotency-key']).toMatch(/^[0-9a-f-]{36}$/);
    expect(creating?.headers['x-organization-id']).toBeUndefined();
  });

  it('throws the failure of the server as it was told', async () => {
    answerWith(problem(404, 'integration_unknown', { hint: 'Look.', retry_after: 7, request_id: 'req-1' }));
    expect(await failureOf(ask(GET))).toMatchObject({
      code: 'integration_unknown',
      message: 'it went wrong',
      hint: 'Look.',
      retryAfter: 7,
      requestId: 'req-1',
    });
  });

  it.each<[string, Reply, string]>([
    ['a code of a newer server', problem(400, 'brand_new'), 'server_invalid'],
    ['a page of somebody else', { status: 404, text: '<h1>Not here</h1>' }, 'server_invalid'],
    ['a proxy without a server', { status: 502, text: 'bad gateway' }, 'server_unreachable'],
    ['a proxy with a limit', { status: 429, text: 'slow down' }, 'too_many_requests'],
    ['a page in place of JSON', { status: 200, text: '<h1>Hello</h1>' }, 'server_invalid'],
    ['broken JSON', { headers: { 'content-type': 'application/json' }, text: '{' }, 'server_invalid'],
    ['a redirect', { status: 302, headers: { location: 'https://elsewhere.example' } }, 'server_invalid'],
  ])('tells %s', async (_, reply, code) => {
    answerWith(reply);
    expect((await failureOf(ask(GET))).code).toBe(code);
    expect(server.seen).toHaveLength(1);
  });

  it('tells that nobody is there, and that nobody answers', async () => {
    const gone = await startProvider();
    await gone.close();
    const unreachable = await failureOf(ask(GET, { apiBaseUrl: gone.origin }));
    expect(unreachable).toMatchObject({ code: 'server_unreachable' });
    expect(inspect(unreachable)).not.toContain(KEY);
    server.answer(() => undefined);
    expect((await failureOf(ask(GET, { timeout: 20 }))).code).toBe('server_timeout');
    const signal = AbortSignal.abort();
    expect((await failureOf(ask({ ...GET, signal }))).code).toBe('canceled');
  });

  it.each<[string, ApiRequest, Reply | 'hang up', boolean]>([
    ['a read after 429', GET, problem(429, 'rate_limited'), true],
    ['a read after 502', GET, problem(502, 'upstream_failed'), true],
    ['a read after 503', GET, problem(503, 'store_unavailable'), true],
    ['a read after 504', GET, problem(504, 'upstream_timeout'), true],
    ['a read after a lost connection', GET, 'hang up', true],
    ['a read after 500', GET, problem(500, 'internal'), false],
    ['a read after 400', GET, problem(400, 'arguments_invalid'), false],
    ['a creation after 503', CREATE, problem(503, 'store_unavailable'), true],
    ['a creation after a lost connection', CREATE, 'hang up', true],
    ['a creation that is still under way', CREATE, problem(409, 'idempotency_conflict'), true],
    ['a write that was refused for now', WRITE, problem(429, 'too_many_requests'), true],
    ['a write after a limit of the provider', WRITE, problem(429, 'rate_limited'), false],
    ['a write after 502', WRITE, problem(502, 'upstream_failed'), false],
    ['a write whose outcome is unknown', WRITE, problem(504, 'outcome_unknown'), false],
    ['a write after a lost connection', WRITE, 'hang up', false],
    ['what has to wait for long', GET, problem(429, 'rate_limited', { retry_after: 3_600 }), false],
  ])('repeats %s: %#', async (_, request, reply, again) => {
    answerWith(reply);
    const asked = ask(request, { maxAttempts: 3 });
    if (again) expect(await asked).toEqual({ ok: true });
    else await failureOf(asked);
    expect(server.seen).toHaveLength(again ? 2 : 1);
    const [first, second] = server.seen.map((it) => it.headers['idempotency-key']);
    if (again) expect(second).toBe(first);
  });

  it('takes what cannot be sent for a mistake of the program', async () => {
    const circle: Record<string, unknown> = {};
    circle.self = circle;
    await expect(ask({ ...WRITE, body: circle })).rejects.toThrow(TypeError);
  });

  it('stops after maxAttempts, and tries once by default', async () => {
    answerWith(...Array.from({ length: 9 }, () => problem(503, 'store_unavailable')));
    expect((await failureOf(ask(GET))).code).toBe('store_unavailable');
    expect(server.seen).toHaveLength(1);
    await failureOf(ask(GET, { maxAttempts: 3 }));
    expect(server.seen).toHaveLength(4);
  });

  it('ends a wait when the caller does', async () => {
    const ending = new AbortController();
    server.answer(() => {
      setImmediate(() => ending.abort());
      return problem(503, 'store_unavailable', { retry_after: 50 });
    });
    expect((await failureOf(ask({ ...GET, signal: ending.signal }, { maxAttempts: 2 }))).code).toBe('canceled');
  });

  it.each<[string, Partial<ServerOptions>]>([
    ['no attempt', { maxAttempts: 0 }],
    ['eleven attempts', { maxAttempts: 11 }],
    ['half an attempt', { maxAttempts: 1.5 }],
    ['no time', { timeout: 0 }],
    ['a time that is no number', { timeout: Number.NaN }],
    ['an address that is none', { apiBaseUrl: 'tieline.example' }],
    ['an address with a password', { apiBaseUrl: 'https://ada:secret-word@tieline.example' }],
    ['another scheme', { apiBaseUrl: 'file:///tmp' }],
    ['no key', { apiKey: '' }],
    ['a key with a line break', { apiKey: 'sk-client-1\nx-evil: 1' }],
  ])('refuses %s', async (_, options) => {
    const error = await failureOf(() => ask(GET, options));
    expect(error.code).toBe('usage');
    expect(inspect(error)).not.toMatch(/secret-word|x-evil/);
  });
});
