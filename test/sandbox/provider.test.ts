import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { signIn } from '../../src/sandbox/person.ts';
import { isLoopbackCallback } from '../../src/sandbox/provider.ts';
import { type Sandbox, startSandbox } from '../../src/sandbox/sandbox.ts';
import { meStatus, oauthClient } from './client.ts';

let sandbox: Sandbox;
let client: Awaited<ReturnType<typeof oauthClient>>;

beforeAll(async () => {
  sandbox = await startSandbox();
  client = await oauthClient(sandbox);
});
afterAll(() => sandbox.close());

describe('authorization code', () => {
  it('gives a person’s tokens for a code and its verifier', async () => {
    const tokens = await client.link('grace');
    expect(tokens).toMatchObject({ token_type: 'bearer', expires_in: 60, scope: 'read write' });
    const me = await fetch(`${sandbox.url}/api/v1/me`, { headers: { authorization: `Bearer ${tokens.access_token}` } });
    expect(await me.json()).toEqual({ id: 'grace', name: 'Grace Hopper', email: 'grace@sandbox.example' });
  });

  it('refuses a code with another verifier', async () => {
    await expect(client.link('ada', { verifier: 'a'.repeat(43) })).rejects.toMatchObject({ error: 'invalid_grant' });
  });

  it('accepts the client secret in the body too', async () => {
    const posting = await oauthClient(sandbox, 'post');
    expect((await posting.link('ada')).refresh_token).toBeTypeOf('string');
  });

  it('grants the scopes that were asked for, and no others', async () => {
    const tokens = await client.link('ada', { scope: 'read' });
    expect(tokens.scope).toBe('read');
    const denied = await fetch(`${sandbox.url}/api/v1/tickets`, {
      method: 'POST',
      headers: { authorization: `Bearer ${tokens.access_token}` },
      body: '{"title":"x"}',
    });
    expect(denied.status).toBe(403);
    expect(denied.headers.get('www-authenticate')).toContain('error="insufficient_scope", scope="write"');
    expect(await denied.json()).toMatchObject({ error: { code: 'insufficient_scope' } });
  });

  it('knows OpenID Connect', async () => {
    const tokens = await client.link('ada', { scope: 'openid profile email read' });
    expect(tokens.id_token).toBeTypeOf('string');
    expect(await client.userinfo(tokens.access_token)).toEqual({
      sub: 'ada',
      name: 'Ada Lovelace',
      email: 'ada@sandbox.example',
    });
  });

  it.each([
    ['no PKCE', { code_challenge: '', code_challenge_method: '' }, 'invalid_request'],
    ['plain PKCE', { code_challenge_method: 'plain' }, 'invalid_request'],
    ['nobody may be asked', { prompt: 'none' }, 'login_required'],
  ])('tells the client: %s', async (_, parameters, error) => {
    const url = client.authorizationUrl('c'.repeat(43), parameters);
    for (const [name, value] of Object.entries(parameters)) if (value === '') url.searchParams.delete(name);
    expect(new URL(await signIn(url.href, 'ada')).searchParams.get('error')).toBe(error);
  });

  it('tells the client that the person said no', async () => {
    const url = client.authorizationUrl('c'.repeat(43));
    const answer = new URL(await signIn(url.href, 'ada', { decision: 'deny' }));
    expect(Object.fromEntries(answer.searchParams)).toMatchObject({ error: 'access_denied', state: 'state-1' });
  });

  it('shows an error page, and redirects nowhere, for a foreign redirect URI', async () => {
    const url = client.authorizationUrl('c'.repeat(43), { redirect_uri: 'https://evil.example/callback' });
    const response = await fetch(url, { headers: { accept: 'text/html' }, redirect: 'manual' });
    expect(response.status).toBe(400);
    expect(response.headers.get('location')).toBeNull();
    expect(await response.text()).toContain('redirect_uri');
  });

  it('serves its metadata where RFC 8414 and OpenID Connect look for it', async () => {
    for (const path of ['/.well-known/oauth-authorization-server/oauth', '/oauth/.well-known/openid-configuration']) {
      const metadata = await (await fetch(sandbox.url + path)).json();
      expect(metadata).toMatchObject({
        issuer: `${sandbox.url}/oauth`,
        authorization_endpoint: `${sandbox.url}/oauth/authorize`,
        token_endpoint: `${sandbox.url}/oauth/token`,
        revocation_endpoint: `${sandbox.url}/oauth/revoke`,
        code_challenge_methods_supported: ['S256'],
      });
    }
  });
});

describe('redirect URIs', () => {
  it.each([
    ['http://127.0.0.1:1/callback', true],
    ['http://127.0.0.1:65535/callback/sandbox', true],
    ['http://[::1]:8080/callback/my-api', true],
    ['http://localhost/callback', true],
    ['https://127.0.0.1:1/callback', false],
    ['http://127.0.0.1.evil.example/callback', false],
    ['http://127.0.0.1@evil.example/callback', false],
    ['http://user@127.0.0.1/callback', false],
    ['http://127.0.0.1:1/other', false],
    ['http://127.0.0.1:1/callback/../other', false],
    ['http://127.0.0.1:1/callback/%2e%2e', false],
    ['http://127.0.0.1:1/callback?x=1', false],
    ['http://127.0.0.1:1/callback#x', false],
    ['http://127.0.0.1:1/callback\n', false],
    ['HTTP://127.0.0.1:1/CALLBACK', false],
  ])('%s: %s', (uri, allowed) => expect(isLoopbackCallback(uri)).toBe(allowed));
});

describe('refresh', () => {
  it('rotates the refresh token', async () => {
    const first = await client.link('ada');
    const second = await client.refresh(first.refresh_token);
    expect(second.refresh_token).not.toBe(first.refresh_token);
    expect(second.access_token).not.toBe(first.access_token);
    expect(await meStatus(sandbox, second.access_token)).toBe(200);
    const third = await client.refresh(second.refresh_token);
    expect(await meStatus(sandbox, third.access_token)).toBe(200);
  });

  it('ends the whole family when an old refresh token is used again, and no other family', async () => {
    const other = await client.link('ada');
    const first = await client.link('ada');
    const second = await client.refresh(first.refresh_token);
    await expect(client.refresh(first.refresh_token)).rejects.toMatchObject({ error: 'invalid_grant' });
    await expect(client.refresh(second.refresh_token)).rejects.toMatchObject({ error: 'invalid_grant' });
    expect(await meStatus(sandbox, first.access_token)).toBe(401);
    expect(await meStatus(sandbox, second.access_token)).toBe(401);
    expect(await meStatus(sandbox, other.access_token)).toBe(200);
    expect((await client.refresh(other.refresh_token)).access_token).toBeTypeOf('string');
  });

  it('gives tokens to one of many requests that arrive together, and then ends the family', async () => {
    const { refresh_token } = await client.link('ada');
    const outcomes = await Promise.allSettled(Array.from({ length: 8 }, () => client.refresh(refresh_token)));
    const [winner, ...others] = outcomes.flatMap((it) => (it.status === 'fulfilled' ? [it.value] : []));
    expect(others).toEqual([]);
    expect(await meStatus(sandbox, String(winner?.access_token))).toBe(401);
  });

  it('works after the access tokens have expired', async () => {
    const tokens = await client.link('ada');
    const application = await client.clientCredentials();
    sandbox.expireAccessTokens();
    expect(await meStatus(sandbox, tokens.access_token)).toBe(401);
    expect(await meStatus(sandbox, application.access_token)).toBe(401);
    const renewed = await client.refresh(tokens.refresh_token);
    expect(await meStatus(sandbox, renewed.access_token)).toBe(200);
  });

  it('ends when the person revokes, for that person only', async () => {
    const ada = await client.link('ada');
    const grace = await client.link('grace');
    sandbox.revoke('ada');
    expect(await meStatus(sandbox, ada.access_token)).toBe(401);
    await expect(client.refresh(ada.refresh_token)).rejects.toMatchObject({ error: 'invalid_grant' });
    expect(await meStatus(sandbox, grace.access_token)).toBe(200);
  });

  it('ends when the client revokes its refresh token', async () => {
    const tokens = await client.link('ada');
    await client.revoke(tokens.refresh_token);
    expect(await meStatus(sandbox, tokens.access_token)).toBe(401);
    await expect(client.refresh(tokens.refresh_token)).rejects.toMatchObject({ error: 'invalid_grant' });
  });
});

describe('client credentials', () => {
  it.each([
    ['no scope', undefined, 201],
    ['read only', 'read', 403],
  ])('act for the application itself: %s', async (_, scope, status) => {
    const { access_token } = await client.clientCredentials(scope);
    const headers = { authorization: `Bearer ${access_token}` };
    const me = await fetch(`${sandbox.url}/api/v1/me`, { headers });
    expect(await me.json()).toMatchObject({ id: 'application' });
    const created = await fetch(`${sandbox.url}/api/v1/tickets`, { method: 'POST', headers, body: '{"title":"x"}' });
    expect(created.status).toBe(status);
  });

  it('need the right secret', async () => {
    const impostor = await oauthClient({ ...sandbox, clientSecret: 'wrong' });
    await expect(impostor.clientCredentials()).rejects.toMatchObject({ status: 401 });
  });
});

describe('observed token requests', () => {
  it('are told with grant type, outcome and time', async () => {
    const own = await startSandbox();
    try {
      const other = await oauthClient(own);
      const { refresh_token } = await other.link('ada');
      await other.refresh(refresh_token);
      await other.refresh(refresh_token).catch(() => undefined);
      await other.clientCredentials();
      const at = expect.any(Number);
      expect(own.observed.tokenRequests).toEqual([
        { grantType: 'authorization_code', ok: true, at },
        { grantType: 'refresh_token', ok: true, at },
        { grantType: 'refresh_token', ok: false, error: 'invalid_grant', at },
        { grantType: 'client_credentials', ok: true, at },
      ]);
      expect(own.observed.refreshes()).toBe(1);
    } finally {
      await own.close();
    }
  });
});
