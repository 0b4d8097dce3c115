import { request } from 'node:http';
import { Validator } from '@seriousme/openapi-schema-validator';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type HttpStage, openHttpStage, type Tenant } from './stage.ts';

let stage: HttpStage;
let acme: Tenant;
beforeAll(async () => {
  stage = await openHttpStage({ limits: { requests: 1_000, failures: 5, body: 1_000 } });
  acme = await stage.tenant('acme');
});
afterAll(() => stage.close());

/** With a Host header of its own, which fetch does not allow. */
const asHost = (host: string, path = '/healthz'): Promise<number> =>
  new Promise((resolve, reject) => {
    const { port } = new URL(stage.url);
    request({ port, path, host: '127.0.0.1', headers: { host } }, (response) => {
      response.resume();
      resolve(response.statusCode ?? 0);
    })
      .on('error', reject)
      .end();
  });

describe('the server', () => {
  it.each(['localhost', '127.0.0.1:8080', '[::1]:80', 'LOCALHOST'])('serves as %s', async (host) => {
    expect(await asHost(host)).toBe(200);
  });

  it.each(['evil.example', '127.0.0.1.evil.example', 'localhost.evil.example', '127.0.0.2', '0.0.0.0'])(
    'does not serve as %j',
    async (host) => {
      expect(await asHost(host)).toBe(421);
      expect(await asHost(host, '/api/v1/users')).toBe(421);
    },
  );

  it('is alive, and ready while its store answers', async () => {
    expect((await stage.request('GET', '//healthz')).body.status).toBe('ok');
    expect((await stage.request('GET', '//readyz')).body).toEqual({ status: 'ok' });
  });

  it('publishes the keys of its tokens', async () => {
    await stage.user(acme, 'ada');
    const { keys } = (await stage.request('GET', '//.well-known/jwks.json')).body;
    expect(keys[0]).toMatchObject({ kty: 'EC', crv: 'P-256', alg: 'ES256' });
    expect(keys[0].d).toBeUndefined();
  });

  it('answers failures as RFC 9457 problems with the id of the request', async () => {
    const given = await stage.request('GET', '/nowhere', { as: acme, headers: { 'x-request-id': 'mine-1' } });
    expect(given).toMatchObject({ status: 404, body: { code: 'not_found', request_id: 'mine-1', status: 404 } });
    expect(given.headers.get('x-request-id')).toBe('mine-1');
    for (const id of ['a'.repeat(65), 'a b<script>']) {
      const other = await stage.request('GET', '//nowhere', { headers: { 'x-request-id': id } });
      expect(other.body.request_id).toMatch(/^[0-9a-f-]{36}$/);
    }
  });

  it.each([
    ['a body that is no JSON', '{"identifier":', 400, 'arguments_invalid'],
    ['a field of another type', { identifier: 5 }, 400, 'arguments_invalid'],
    ['a body that is too large', { identifier: 'x'.repeat(2_000) }, 413, 'request_too_large'],
  ])('refuses %s', async (_, body, status, code) => {
    expect(await stage.request('POST', '/users', { as: acme, body })).toMatchObject({ status, body: { code } });
  });

  it('refuses a body of another kind, instead of taking it for an empty one', async () => {
    const answer = await stage.request('POST', '/users', {
      as: acme,
      body: 'identifier=ada',
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
    });
    expect(answer).toMatchObject({ status: 400, body: { code: 'arguments_invalid' } });
  });

  it('counts the requests of each caller, and those who guess keys', async () => {
    const few = await openHttpStage({ limits: { requests: 3, failures: 3 } });
    try {
      const [one, two] = [await few.tenant(), await few.tenant()];
      const statuses: number[] = [];
      for (let i = 0; i < 5; i++) statuses.push((await few.request('GET', '/organization', { as: one })).status);
      expect(statuses).toEqual([200, 200, 200, 429, 429]);
      const last = await few.request('GET', '/organization', { as: one });
      expect(last.body.code).toBe('too_many_requests');
      expect(Number(last.headers.get('retry-after'))).toBeGreaterThan(0);
      const other = await few.request('GET', '/organization', { as: two });
      expect(other.headers.get('ratelimit')).toMatch(/^"requests";r=2;t=\d+$/);
      expect(other.headers.get('ratelimit-policy')).toBe('"requests";q=3;w=60');
      const guesses: number[] = [];
      for (let i = 0; i < 5; i++) guesses.push((await few.request('GET', '/organization', { as: 'nonsense' })).status);
      expect(guesses).toEqual([401, 401, 401, 429, 429]);
    } finally {
      await few.close();
    }
  });
});

describe('the description of the API', () => {
  it('is a valid OpenAPI 3.1 document, and a page without scripts', async () => {
    const { body: document } = await stage.request('GET', '/openapi.json');
    const validator = new Validator();
    expect(await validator.validate(document)).toMatchObject({ valid: true });
    expect(document.openapi).toBe('3.1.0');
    const page = await stage.request('GET', '/docs');
    expect(page.text).toContain('Register a user');
    expect(page.text).not.toMatch(/<script|https?:\/\/(?!127\.0\.0\.1)[a-z]/);
  });

  it('names what each operation can answer', async () => {
    const { paths } = (await stage.request('GET', '/openapi.json')).body;
    for (const [path, methods] of Object.entries<Record<string, { responses: object; summary?: string }>>(paths)) {
      for (const [method, { responses, summary }] of Object.entries(methods)) {
        expect(Object.keys(responses), `${method} ${path}`).toEqual(expect.arrayContaining(['400', '401', '429']));
        expect(summary, `${method} ${path}`).toBeTruthy();
      }
    }
  });
});
