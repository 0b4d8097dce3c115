import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
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
  startProvider,
} from '../execute/stage.ts';
import { CERTIFICATE, KEY } from '../sql/certificate.ts';

let provider: Provider;
/** The tokens that the API takes. */
const valid = new Set<string>();
let logins: Arrived[] = [];
let answerLogin: (login: Arrived) => { status?: number; headers?: Record<string, string>; body?: unknown };

beforeAll(async () => {
  provider = await startProvider();
});
afterAll(() => provider.close());

beforeEach(() => {
  valid.clear();
  logins = [];
  answerLogin = () => {
    const token = `issued-token-${logins.length}`;
    valid.add(token);
    return { body: { access_token: token, expires_in: 3_600 } };
  };
  provider.answer((request) => {
    if (request.url.pathname.startsWith('/auth')) {
      logins.push(request);
      return answerLogin(request);
    }
    const token = String(request.headers.authorization).replace('Bearer ', '');
    return valid.has(token) ? { body: { tokens: valid.size } } : { status: 401 };
  });
});

const input = { username: 'ada', password: 'pass word&1' };
const ui = {
  schema: {
    type: 'object',
    properties: { username: { type: 'string' }, password: { type: 'string', secret: true } },
    additionalProperties: true,
  },
};
const outputs = { token: "{{ body['access_token'] }}", expiration: "{{ body['expires_in'] }}" };
const form = { username: '{{ input.username }}', password: '{{ secrets.password }}' };

async function linked(option: Record<string, unknown>, server: Record<string, unknown> = {}, typed: object = input) {
  const login = { title: 'Login', type: 'token_request', ui, outputs, ...option };
  const connector = connectorOf({ server: { baseUrl: provider.origin, ...server }, auth: { options: { login } } });
  const stage = await openStage([connector]);
  onTestFinished(() => stage.close());
  const { id } = await stage.link('sample', { option: 'login', input: { ...typed } });
  const credential = () => stage.engine.keystore.read<Credential>(credentialKey(alice, 'sample', id));
  return { call: stage.call, credential };
}

describe('a token by request', () => {
  it.each([
    ['form', { path: '/auth/token', form }, 'username=ada&password=pass+word%261', 'application/x-www-form-urlencoded'],
    ['json', { path: '/auth/token', json: form }, '{"username":"ada","password":"pass word&1"}', 'application/json'],
    [
      'text',
      { path: '/auth/token', text: '<p>{{ secrets.password }}</p>', contentType: 'text/xml' },
      '<p>pass word&1</p>',
      'text/xml',
    ],
  ])('is asked for with a body of %s, by POST', async (_, request, body, type) => {
    const stage = await linked({ request });
    expect((await stage.call('things.get')).data).toEqual({ tokens: 1 });
    const [login] = logins;
    expect([login?.method, login?.headers['content-type'], String(login?.body)]).toEqual(['POST', type, body]);
    expect(login?.headers.authorization).toBeUndefined();
  });

  it('may be asked for with GET, a query and headers', async () => {
    const request = {
      method: 'GET',
      path: '/auth/{{ input.username }}',
      query: { tenant: '{{ input.tenant }}', p: '{{ secrets.password }}' },
      headers: { 'X-Pin': '{{ secrets.password }}' },
    };
    const stage = await linked({ request }, { headers: { 'x-api': 'v2' }, query: { v: '2' } });
    await stage.call('things.get');
    expect(logins[0]?.path).toBe('/auth/ada?p=pass+word%261');
    expect(logins[0]?.headers['x-pin']).toBe('pass word&1');
    expect(logins[0]?.headers['x-api']).toBeUndefined();
  });

  it('serves until it ends, is made anew then, and after a 401', async () => {
    const stage = await linked({ request: { path: '/auth', form } });
    await stage.call('things.get');
    await stage.call('things.get');
    expect(logins).toHaveLength(1);
    valid.clear();
    await stage.call('things.get');
    expect(provider.seen.at(-1)?.headers.authorization).toBe('Bearer issued-token-2');
    answerLogin = () => {
      valid.add('short');
      return { body: { access_token: 'short', expires_in: '-1' } };
    };
    valid.clear();
    await stage.call('things.get');
    expect(logins).toHaveLength(3);
  });

  it.each([
    ['the answer', 3_600, undefined, 3_600_000],
    ['an answer in text', '60', undefined, 60_000],
    ['nothing, with a ttl', undefined, '10m', 600_000],
    ['nothing', undefined, undefined, undefined],
    ['nonsense', 'soon', undefined, undefined],
  ])('lives as long as told by %s', async (_, seconds, ttl, life) => {
    answerLogin = () => {
      valid.add('t');
      return { body: { access_token: 't', expires_in: seconds } };
    };
    const stage = await linked({ request: { path: '/auth', form }, ...(ttl && { ttl }) });
    const { expiresAt, obtainedAt } = (await stage.credential())?.value ?? { obtainedAt: 0 };
    expect(expiresAt === undefined ? undefined : Math.round((expiresAt - obtainedAt) / 1_000) * 1_000).toBe(life);
  });

  it('may take several steps, and keep more than the token', async () => {
    answerLogin = ({ url, body }) => {
      if (url.pathname === '/auth/one') return { body: { ticket: 't/1' }, headers: { 'x-node': 'n7' } };
      valid.add(`${body}`);
      return { status: 201, body: `${body}` };
    };
    const stage = await linked({
      steps: [
        { id: 'one', request: { path: '/auth/one', json: form } },
        {
          id: 'two',
          request: { path: '/auth/two', text: "{{ steps.one.headers['x-node'] }}.{{ steps.one.body.ticket }}" },
        },
      ],
      outputs: {
        token: '{{ statusCode === 201 ? body.trim() : null }}',
        save: { credentials: { node: "{{ steps.one.headers['x-node'] }}" } },
      },
    });
    await stage.call('things.get');
    expect(provider.seen.at(-1)?.headers.authorization).toBe('Bearer n7.t/1');
  });

  it.each([
    [401, {}, 'reauthorization_required', undefined],
    [403, {}, 'reauthorization_required', undefined],
    [400, {}, 'config_invalid', undefined],
    [302, { location: '/auth/elsewhere' }, 'config_invalid', undefined],
    [429, { 'retry-after': '7' }, 'refresh_failed', 7],
    [503, {}, 'refresh_failed', undefined],
    [200, {}, 'refresh_failed', undefined],
  ])('that is answered with %i is %s', async (status, headers, code, retryAfter) => {
    answerLogin = () => ({ status, headers, body: { error: input.password } });
    const error = await failureOf(linked({ request: { path: '/auth', form } }));
    expect([error.code, error.retryAfter]).toEqual([code, retryAfter]);
    expect(`${error.message}${error.hint}`).not.toContain(input.password);
    expect(logins).toHaveLength(1);
  });

  it('follows redirects only when told to', async () => {
    answerLogin = ({ url }) => {
      if (url.pathname === '/auth/old') return { status: 307, headers: { location: '/auth/new' } };
      valid.add('moved');
      return { body: { access_token: 'moved' } };
    };
    const stage = await linked({ request: { path: '/auth/old', form, followRedirects: true } });
    await stage.call('things.get');
    expect(logins.map((it) => `${it.url.pathname} ${it.body}`)).toEqual([
      '/auth/old username=ada&password=pass+word%261',
      '/auth/new username=ada&password=pass+word%261',
    ]);
  });
});

describe('another host for tokens', () => {
  async function tokenHost(): Promise<string> {
    const server = createServer({ cert: CERTIFICATE, key: KEY }, (request, response) => {
      valid.add('from-elsewhere');
      response.setHeader('content-type', 'application/json');
      response.end(JSON.stringify({ access_token: 'from-elsewhere', path: request.url }));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => void server.close());
    return `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
  }
  const request = { path: '/login', form, baseUrl: '{{ input.tokenBaseUrl }}', trustedCa: '{{ input.ca }}' };

  it('is reached below its own base URL, with the authority that is trusted for it', async () => {
    const tokenBaseUrl = `${await tokenHost()}/sso`;
    const server = { allowHosts: ['{{ input.tokenBaseUrl }}'] };
    const stage = await linked({ request }, server, { ...input, tokenBaseUrl, ca: CERTIFICATE });
    expect((await stage.call('things.get')).data).toEqual({ tokens: 1 });
  });

  it('is not trusted without, and not reached undeclared', async () => {
    const tokenBaseUrl = await tokenHost();
    const server = { allowHosts: ['{{ input.tokenBaseUrl }}'] };
    const untrusted = await failureOf(linked({ request }, server, { ...input, tokenBaseUrl }));
    expect(untrusted.message).toContain('could not be trusted');
    // What is trusted at the API is not trusted elsewhere.
    const ofApi = { ...server, trustedCa: CERTIFICATE };
    const elsewhere = await failureOf(linked({ request }, ofApi, { ...input, tokenBaseUrl }));
    expect(elsewhere.message).toContain('could not be trusted');
    const undeclared = await failureOf(linked({ request }, {}, { ...input, tokenBaseUrl, ca: CERTIFICATE }));
    expect(undeclared.code).toBe('target_forbidden');
    const unread = await failureOf(linked({ request }, server, { ...input, tokenBaseUrl, ca: 'no certificate' }));
    expect(unread).toMatchObject({ code: 'arguments_invalid', message: 'the trusted CA cannot be read as PEM' });
  });
});
