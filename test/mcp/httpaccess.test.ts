import { request as rawRequest } from 'node:http';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openIssuer } from '../../src/auth/issuer.ts';
import { readUser } from '../../src/integration/user.ts';
import { type Provider, startProvider } from '../execute/stage.ts';
import type { Tenant } from '../http/stage.ts';
import { type McpStage, modern, openMcpStage } from './httpstage.ts';

let stage: McpStage;
let rival: Tenant;
let ada: { id: string; token: string };
let elsewhere: Provider;
const keys = await generateKeyPair('ES256', { extractable: true });
const others = await generateKeyPair('ES256', { extractable: true });

beforeAll(async () => {
  elsewhere = await startProvider();
  const jwks = { keys: [{ ...(await exportJWK(keys.publicKey)), kid: 'one', alg: 'ES256' }] };
  elsewhere.answer(({ path }) =>
    path === '/jwks'
      ? { body: jwks }
      : path === '/.well-known/oauth-authorization-server'
        ? { body: { issuer: elsewhere.origin, jwks_uri: `${elsewhere.origin}/jwks` } }
        : { status: 404 },
  );
  const organizations: { acme?: string } = {};
  stage = await openMcpStage({
    limits: { failures: 1_000 },
    backend: ({ sender, now }, url) => {
      const audience = `${url}/mcp`;
      const issuer = openIssuer({ issuer: elsewhere.origin, audience, sender, now });
      const users = { identifierClaim: 'sub', createUsers: true };
      return {
        authorizationServer: true,
        issuers: [
          {
            ...issuer,
            ...users,
            get organization() {
              return organizations.acme ?? '';
            },
          },
        ],
      };
    },
  });
  organizations.acme = stage.acme.organization;
  rival = await stage.tenant('rival');
  ada = await stage.linked('ada');
});
afterAll(async () => {
  await stage.close();
  await elsewhere.close();
});

const list = (token: string | undefined, headers: Record<string, string> = {}) => {
  const [message, more] = modern(1, 'tools/list');
  return stage.post(token, message, { ...more, ...headers });
};
const toolsOf = async (response: Response): Promise<string[]> => {
  expect(response.status).toBe(200);
  const { result } = (await response.json()) as { result: { tools: { name: string }[] } };
  return result.tools.map((it) => it.name);
};
const call = (token: string, name: string) => {
  const [message, headers] = modern(7, 'tools/call', { name });
  return stage.post(token, message, headers);
};

/** An access token of this server, as its authorization server issues it. */
const accessToken = async (
  more: Partial<{ audience: string; type: string; org: string; scope: string; subject: string; ttl: number }> = {},
) => {
  const { signingKeys } = stage.engine;
  if (!signingKeys) throw new Error('no signing keys');
  const { audience = `${stage.url}/mcp`, type, org = stage.acme.organization, scope = 'read write' } = more;
  return signingKeys.sign({
    subject: more.subject ?? ada.id,
    audience,
    ttlSeconds: more.ttl ?? 300,
    claims: { org, scope },
    ...(type !== undefined && { type }),
  });
};

const READING = ['integrations_list', 'sample_things_each', 'sample_things_get'];
const WRITING = [...READING, 'sample_things_create'].sort();
const MANAGING = ['integrations_connect', 'integrations_disconnect', 'integrations_set_default'];
const ALL = [...WRITING, ...MANAGING].sort();

describe('who may speak MCP', () => {
  it('is told where to sign in', async () => {
    const response = await list(undefined);
    expect(response.status).toBe(401);
    const metadata = `${stage.url}/.well-known/oauth-protected-resource/mcp`;
    expect(response.headers.get('www-authenticate')).toBe(`Bearer scope="read write", resource_metadata="${metadata}"`);
    for (const place of [metadata, `${stage.url}/.well-known/oauth-protected-resource`]) {
      const found = await fetch(place);
      expect(await found.json()).toMatchObject({
        resource: `${stage.url}/mcp`,
        authorization_servers: [stage.url, elsewhere.origin],
        scopes_supported: ['read', 'write', 'manage'],
        bearer_methods_supported: ['header'],
      });
    }
  });

  it('is the user of a login, of an access token, of a personal access token, or one named by a program', async () => {
    expect(await toolsOf(await list(ada.token))).toEqual(ALL);
    expect(await toolsOf(await list(await accessToken()))).toEqual(WRITING);
    const { body } = await stage.request('POST', '/tokens', { as: ada.token, body: { name: 'laptop' } });
    expect(await toolsOf(await list(body.token))).toEqual(WRITING);
    expect(await toolsOf(await list(stage.acme.key, { 'x-customer-name': 'ada' }))).toEqual(ALL);
    const encoded = `=?base64?${Buffer.from('ada').toString('base64')}?=`;
    expect(await toolsOf(await list(stage.acme.key, { 'x-customer-name': encoded }))).toEqual(ALL);
  });

  it.each<[string, () => Promise<string>]>([
    ['no token at all', async () => 'nonsense'],
    ['one for the REST API', () => accessToken({ audience: stage.url })],
    ['one for somebody else', () => accessToken({ audience: 'https://other.example/mcp' })],
    ['one of another kind', () => accessToken({ type: 'logout+jwt' })],
    ['one for another organization', () => accessToken({ org: rival.organization })],
    ['one for nobody', () => accessToken({ subject: 'usr_nobody' })],
    ['a personal access token nobody made', async () => `pat-${'0'.repeat(16)}-${'A'.repeat(43)}`],
    ['a client API key nobody made', async () => `sk-client-${'0'.repeat(16)}-${'A'.repeat(43)}`],
  ])('is nobody with %s', async (_, token) => {
    const response = await list(await token());
    expect(response.status).toBe(401);
    expect(response.headers.get('www-authenticate')).toMatch(/^Bearer error="invalid_token", scope=/);
  });

  it('is not a program without a user, nor one of another organization', async () => {
    const alone = await list(stage.acme.key);
    expect(alone.status).toBe(403);
    expect(await alone.json()).toMatchObject({
      code: 'not_permitted',
      hint: expect.stringContaining('X-Customer-Name'),
    });
    const foreign = await list(rival.key, { 'x-customer-name': 'ada' });
    expect(foreign.status).toBe(404);
    for (const token of [ada.token, await accessToken()]) {
      expect((await list(token, { 'x-customer-name': 'grace' })).status).toBe(404);
      expect((await list(token, { 'x-organization-id': rival.organization })).status).toBe(404);
      expect((await list(token, { 'x-customer-name': 'ada' })).status).toBe(200);
    }
  });

  it('ends with the token, and with the user', async () => {
    const mallory = await stage.linked('mallory');
    const { body } = await stage.request('POST', '/tokens', { as: mallory.token, body: { name: 'x' } });
    const access = await accessToken({ subject: mallory.id });
    for (const token of [mallory.token, body.token, access]) expect((await list(token)).status).toBe(200);
    expect((await stage.request('DELETE', `/tokens/${body.id}`, { as: ada.token })).status).toBe(404);
    await stage.request('PATCH', `/users/${mallory.id}`, { as: stage.acme, body: { disabled: true } });
    for (const token of [mallory.token, body.token, access]) expect((await list(token)).status).toBe(401);
    const named = await list(stage.acme.key, { 'x-customer-name': 'mallory' });
    expect(named.status).toBe(403);
    await stage.request('DELETE', `/users/${mallory.id}`, { as: stage.acme });
    for (const token of [body.token, access]) expect((await list(token)).status).toBe(401);
  });

  it('needs a new token with a new secret, and when enabled again', async () => {
    const user = await stage.linked('oscar');
    const create = (token: string) => stage.request('POST', '/tokens', { as: token, body: { name: 'x' } });
    const tokens = [user.token, (await create(user.token)).body.token, await accessToken({ subject: user.id })];
    for (const token of tokens) expect((await list(token)).status).toBe(200);
    stage.later(1_000);
    const { body } = await stage.request('POST', `/users/${user.id}/secret`, { as: stage.acme });
    for (const token of tokens) expect((await list(token)).status).toBe(401);
    const again = await stage.request('POST', '/auth/token', {
      as: stage.acme,
      body: { identifier: 'oscar', secret: body.secret },
    });
    expect((await list((await create(again.body.token)).body.token)).status).toBe(200);
  });

  it('is limited to so many requests a minute', async () => {
    const small = await openMcpStage({ limits: { requests: 3 } });
    try {
      const user = await small.user(small.acme, 'ada');
      const [message, headers] = modern(1, 'tools/list');
      const statuses = [];
      for (let i = 0; i < 4; i++) statuses.push((await small.post(user.token, message, headers)).status);
      expect(statuses).toEqual([200, 200, 200, 429]);
      const response = await small.post(user.token, message, headers);
      expect(response.headers.get('retry-after')).toMatch(/^\d+$/);
    } finally {
      await small.close();
    }
  });

  it('is slowed down when guessing, and not when asking where to sign in', async () => {
    const small = await openMcpStage({ limits: { failures: 2 } });
    try {
      const statuses = async (token: string | undefined) => {
        const [message, headers] = modern(1, 'tools/list');
        const all = [];
        for (let i = 0; i < 3; i++) all.push((await small.post(token, message, headers)).status);
        return all;
      };
      expect(await statuses(undefined)).toEqual([401, 401, 401]);
      expect(await statuses('guess')).toEqual([401, 401, 429]);
    } finally {
      await small.close();
    }
  });
});

describe('scopes', () => {
  it('decide what is listed, and what a call beyond them is told', async () => {
    const token = await accessToken({ scope: 'read offline_access' });
    expect(await toolsOf(await list(token))).toEqual(READING);
    expect((await call(token, 'sample_things_get')).status).toBe(200);
    const refused = await call(token, 'sample_things_create');
    expect(refused.status).toBe(403);
    expect(refused.headers.get('www-authenticate')).toBe(
      `Bearer error="insufficient_scope", scope="read write", resource_metadata="${stage.url}/.well-known/oauth-protected-resource/mcp"`,
    );
    expect(await refused.json()).toMatchObject({ code: 'insufficient_scope' });
    expect(stage.provider.seen.filter((it) => it.method === 'POST')).toEqual([]);
  });

  it('are looked at in every message of a batch', async () => {
    const token = await accessToken({ scope: 'read' });
    const message = (id: number, name: string) => ({ jsonrpc: '2.0', id, method: 'tools/call', params: { name } });
    const batch = [message(1, 'sample_things_get'), message(2, 'sample_things_create')];
    expect((await stage.post(token, batch)).status).toBe(403);
    expect((await stage.post(token, batch.slice(0, 1))).status).toBe(200);
  });

  it('for one connector mean nothing where the operator has none', async () => {
    expect(await toolsOf(await list(await accessToken({ scope: 'sample:read sample:write' })))).toEqual([]);
    const body = { name: 'x', scopes: ['sample:read'] };
    expect((await stage.request('POST', '/tokens', { as: ada.token, body })).status).toBe(400);
  });

  it('none: nothing is listed', async () => {
    expect(await toolsOf(await list(await accessToken({ scope: '' })))).toEqual([]);
  });

  it('of a personal access token are those it was made with, until it is over', async () => {
    const made = await stage.request('POST', '/tokens', {
      as: ada.token,
      body: { name: 'phone', scopes: ['read'], expires_in_days: 1 },
    });
    expect(made.status).toBe(201);
    expect(await toolsOf(await list(made.body.token))).toEqual(READING);
    stage.later(24 * 60 * 60_000 + 1);
    expect((await list(made.body.token)).status).toBe(401);
    stage.later(-(24 * 60 * 60_000 + 1));
  });
});

describe('an issuer elsewhere', () => {
  type Claims = { iss?: string; aud?: string; sub?: string; scope?: string | undefined; scp?: string[]; exp?: number };
  const foreignToken = (claims: Claims = {}, { key = keys.privateKey, typ = 'at+jwt' } = {}) => {
    const now = Math.floor(Date.now() / 1_000);
    const all = { iss: elsewhere.origin, aud: `${stage.url}/mcp`, sub: 'new@acme', iat: now - 60, exp: now + 60 };
    return new SignJWT({ ...all, scope: 'read', ...claims })
      .setProtectedHeader({ alg: 'ES256', kid: 'one', typ })
      .sign(key);
  };

  it('speaks for users of its organization, who are made on first mention', async () => {
    expect(await toolsOf(await list(await foreignToken()))).toEqual(READING);
    expect(await toolsOf(await list(await foreignToken({ scope: undefined, scp: ['read', 'write'] })))).toEqual(
      WRITING,
    );
    const { body } = await stage.request('GET', '/users?identifier=new@acme', { as: stage.acme });
    expect(body.data).toHaveLength(1);
    await stage.request('PATCH', `/users/${body.data[0].id}`, { as: stage.acme, body: { disabled: true } });
    expect((await list(await foreignToken())).status).toBe(401);
    expect(await readUser(stage.keystore, rival.organization, body.data[0].id)).toBeUndefined();
  });

  it.each<[string, () => Promise<string>]>([
    ['for another audience', () => foreignToken({ aud: 'https://other.example/mcp' })],
    ['that is over', () => foreignToken({ exp: Math.floor(Date.now() / 1_000) - 1 })],
    ['of another key', () => foreignToken({}, { key: others.privateKey })],
    ['of another issuer', () => foreignToken({ iss: 'https://issuer.example' })],
    ['of another kind', () => foreignToken({}, { typ: 'logout+jwt' })],
    ['without a user', () => foreignToken({ sub: '' })],
  ])('has no word in a token %s', async (_, token) => {
    expect((await list(await token())).status).toBe(401);
  });

  it('that cannot be asked for its keys has not refused anybody', async () => {
    const { sender, now } = stage.engine;
    const issuer = openIssuer({
      issuer: elsewhere.origin,
      jwksUri: `${elsewhere.origin}/nothing`,
      audience: `${stage.url}/mcp`,
      sender,
      now,
    });
    await expect(issuer.verify(await foreignToken())).rejects.toMatchObject({ code: 'upstream_invalid' });
  });
});

describe('pages of other sites', () => {
  const raw = (headers: Record<string, string>) =>
    new Promise<number | undefined>((resolve, reject) => {
      const [message, more] = modern(1, 'tools/list');
      const all = {
        'content-type': 'application/json',
        accept: 'application/json, text/event-stream',
        authorization: `Bearer ${ada.token}`,
        ...more,
        ...headers,
      };
      const sent = rawRequest(`${stage.url}/mcp`, { method: 'POST', headers: all }, (response) => {
        response.resume();
        resolve(response.statusCode);
      });
      sent.on('error', reject);
      sent.end(JSON.stringify(message));
    });

  it.each([
    [{ host: 'localhost:1234' }, 200],
    [{ host: '[::1]' }, 200],
    [{ host: 'evil.example' }, 421],
    [{ host: '127.0.0.1.evil.example' }, 421],
    [{ host: 'localhost@evil.example' }, 400],
    [{ origin: 'http://localhost:5173' }, 200],
    [{ origin: 'http://127.0.0.1' }, 200],
    [{ origin: 'https://[::1]:1' }, 200],
    [{ origin: 'null' }, 403],
    [{ origin: '' }, 403],
    [{ origin: 'http://evil.example' }, 403],
    [{ origin: 'http://localhost.evil.example' }, 403],
    [{ origin: 'file://localhost' }, 403],
  ])('%j: %d', async (headers, status) => {
    expect(await raw(headers)).toBe(status);
  });
});
