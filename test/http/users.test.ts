import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openSigningKeys } from '../../src/auth/signingkeys.ts';
import { createClientKey } from '../../src/integration/clientkey.ts';
import { type HttpStage, openHttpStage, type Tenant } from './stage.ts';

let stage: HttpStage;
let acme: Tenant;
let rival: Tenant;
let grace: { secret: string } | undefined;
beforeAll(async () => {
  stage = await openHttpStage();
  acme = await stage.tenant('acme');
  rival = await stage.tenant('rival');
});
afterAll(() => stage.close());

const logIn = (as: Tenant, identifier: string, secret: string) =>
  stage.request('POST', '/auth/token', { as, body: { identifier, secret } });

describe('users', () => {
  it('are registered with a secret that is shown once, and log in with it', async () => {
    const made = await stage.request('POST', '/users', { as: acme, body: { identifier: 'ada' } });
    expect(made.status).toBe(201);
    const { secret, ...rest } = made.body;
    expect(secret).toMatch(/^sk-user-[\w-]{43}$/);
    const login = await logIn(acme, 'ada', secret);
    expect(login.body).toMatchObject({ token_type: 'Bearer', user: rest });
    expect(Date.parse(login.body.expires_at) - Date.now()).toBeGreaterThan(3_500_000);
    expect((await stage.request('GET', '/me', { as: login.body.token })).body).toEqual(rest);
    for (const path of ['/users', `/users/${rest.id}`, '/users?identifier=ada']) {
      expect((await stage.request('GET', path, { as: acme })).text).not.toContain(secret);
    }
    const twice = await stage.request('POST', '/users', { as: acme, body: { identifier: 'ada' } });
    expect(twice).toMatchObject({ status: 409, body: { code: 'user_exists' } });
  });

  it.each([
    ['a wrong secret', () => acme, 'grace', 'sk-user-wrong'],
    ['an unknown identifier', () => acme, 'nobody', 'right'],
    ['a key of another organization', () => rival, 'grace', 'right'],
  ])('do not log in with %s, and are told the same each time', async (_, as, identifier, secret) => {
    grace ??= await stage.user(acme, 'grace');
    const failed = await logIn(as(), identifier, secret === 'right' ? grace.secret : secret);
    const { request_id, ...body } = failed.body;
    expect({ status: failed.status, ...body }).toEqual({
      status: 401,
      type: 'urn:tieline:error:login_failed',
      title: 'login failed',
      detail: 'identifier and secret do not belong together here',
      code: 'login_failed',
      hint: 'Check both, and that the client API key is of the organization of the user.',
    });
  });

  it('lose their tokens with a new secret, when disabled, and after an hour', async () => {
    const user = await stage.user(acme, 'token');
    stage.later(1_000);
    const rotated = await stage.request('POST', `/users/${user.id}/secret`, { as: acme });
    expect((await stage.request('GET', '/me', { as: user.token })).status).toBe(401);
    expect((await logIn(acme, 'token', user.secret)).status).toBe(401);
    const { token } = (await logIn(acme, 'token', rotated.body.secret)).body;
    expect((await stage.request('GET', '/me', { as: token })).status).toBe(200);
    stage.later(1_000);
    const disabled = await stage.request('PATCH', `/users/${user.id}`, { as: acme, body: { disabled: true } });
    expect(disabled.body.status).toBe('disabled');
    expect((await stage.request('GET', '/me', { as: token })).status).toBe(401);
    await stage.request('PATCH', `/users/${user.id}`, { as: acme, body: { disabled: false } });
    expect((await stage.request('GET', '/me', { as: token })).status).toBe(401);
    stage.later(1_000);
    const next = (await logIn(acme, 'token', rotated.body.secret)).body.token;
    expect((await stage.request('GET', '/me', { as: next })).status).toBe(200);
    stage.later(3_700_000);
    expect((await stage.request('GET', '/me', { as: next })).status).toBe(401);
  });

  it('are listed by pages, oldest first', async () => {
    const tenant = await stage.tenant('many');
    for (let i = 0; i < 5; i++)
      await stage.request('POST', '/users', { as: tenant, body: { identifier: `user ${i}` } });
    const first = await stage.request('GET', '/users?limit=3', { as: tenant });
    expect(first.body.data.map((it: { identifier: string }) => it.identifier)).toEqual(['user 0', 'user 1', 'user 2']);
    const next = encodeURIComponent(first.body.next_cursor);
    const second = await stage.request('GET', `/users?limit=3&cursor=${next}`, { as: tenant });
    expect(second.body.data).toHaveLength(2);
    expect(second.body.next_cursor).toBeNull();
    expect((await stage.request('GET', `/users?cursor=${next}`, { as: rival })).body.code).toBe('cursor_invalid');
    expect((await stage.request('GET', '/users?cursor=nonsense', { as: acme })).body.code).toBe('cursor_invalid');
  });
});

describe('who is calling', () => {
  it.each([
    ['nothing', {}],
    ['a made-up key', { authorization: `Bearer sk-client-0123456789abcdef-${'x'.repeat(43)}` }],
    ['a made-up key in X-Api-Key', { 'x-api-key': 'sk-client-nonsense' }],
    ['another scheme', { authorization: 'Basic YTpi' }],
    ['a token that is none', { authorization: 'Bearer nonsense' }],
    ['an unsigned token', { authorization: 'Bearer eyJhbGciOiJub25lIn0.eyJzdWIiOiJ4In0.' }],
  ])('is unknown with %s', async (_, headers) => {
    const answer = await stage.request('GET', '/users', { headers });
    expect(answer).toMatchObject({ status: 401, body: { code: 'unauthenticated' } });
    expect(answer.headers.get('content-type')).toBe('application/problem+json');
    expect(answer.headers.get('www-authenticate')).toBe('Bearer');
  });

  it('is not a user with a token of another kind', async () => {
    const user = await stage.user(acme, 'kind');
    const { keystore, engine } = stage;
    const keys = openSigningKeys({ keystore, now: engine.now, issuer: 'http://tieline.test' });
    const claims = { subject: user.id, ttlSeconds: 60, claims: { org: acme.organization } };
    const other = await keys.sign({ ...claims, audience: stage.url, type: 'JWT' });
    const elsewhere = await keys.sign({ ...claims, audience: 'http://other', type: 'tieline-login+jwt' });
    const right = await keys.sign({ ...claims, audience: stage.url, type: 'tieline-login+jwt' });
    expect((await stage.request('GET', '/me', { as: right })).status).toBe(200);
    for (const token of [other, elsewhere]) expect((await stage.request('GET', '/me', { as: token })).status).toBe(401);
  });

  it('is a user who sees nothing of the organization', async () => {
    const user = await stage.user(acme, 'plain');
    for (const path of ['/users', `/users/${user.id}`, '/organization', '/client-keys']) {
      expect(await stage.request('GET', path, { as: user.token }), path).toMatchObject({
        status: 403,
        body: { code: 'not_permitted' },
      });
    }
    const named = await stage.request('GET', '/integrations/connectors?customer_name=ada', { as: user.token });
    expect(named).toMatchObject({ status: 404, body: { code: 'user_unknown' } });
  });

  it('chooses among several organizations by a header, which one alone does not need', async () => {
    const organizations = [acme.organization, rival.organization];
    const { text } = await createClientKey(stage.keystore, { name: 'both', organizations, now: Date.now() });
    expect((await stage.request('GET', '/organization', { as: text })).body).toMatchObject({
      status: 400,
      code: 'organization_required',
    });
    for (const id of organizations) {
      const chosen = await stage.request('GET', '/organization', { as: text, headers: { 'x-organization-id': id } });
      expect(chosen.body.id).toBe(id);
    }
    const foreign = await stage.request('GET', '/organization', {
      as: acme,
      headers: { 'x-organization-id': rival.organization },
    });
    const unknown = await stage.request('GET', '/organization', {
      as: acme,
      headers: { 'x-organization-id': 'org_none' },
    });
    expect(foreign.status).toBe(404);
    const same = (it: typeof foreign, id: string) => ({
      ...it.body,
      detail: it.body.detail.replace(id, 'X'),
      request_id: '',
    });
    expect(same(foreign, rival.organization)).toEqual(same(unknown, 'org_none'));
  });
});

describe('client API keys', () => {
  it('are made, listed without their text, and revoked', async () => {
    const made = await stage.request('POST', '/client-keys', { as: acme, body: { name: 'ci' } });
    expect((await stage.request('GET', '/organization', { as: made.body.key })).body.id).toBe(acme.organization);
    const all = await stage.request('GET', '/client-keys', { as: acme });
    expect(all.body.data.map((it: { name: string }) => it.name)).toContain('ci');
    expect(all.text).not.toContain('sk-client-');
    expect((await stage.request('DELETE', `/client-keys/${made.body.id}`, { as: acme })).status).toBe(204);
    expect((await stage.request('GET', '/organization', { as: made.body.key })).status).toBe(401);
  });
});
