import { decodeJwt, decodeProtectedHeader } from 'jose';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { McpStage } from '../../mcp/httpstage.ts';
import {
  type Browser,
  CALLBACK,
  openAuthStage,
  plain,
  post,
  register,
  requestFor,
  signedIn,
  tokensFor,
} from './stage.ts';

const CLIENT = { id: 'desk', name: 'Service Desk', redirectUris: ['https://desk.example/cb'] };
const SECRET = 'a-client-secret-of-32-characters';

describe('authorization server', () => {
  let stage: McpStage;
  let ada: { id: string; identifier: string; secret: string; token: string };
  let browser: Browser;

  beforeAll(async () => {
    stage = await openAuthStage({
      more: () => ({ clients: [CLIENT, { ...CLIENT, id: 'vault', secret: SECRET }] }),
    });
    ada = await stage.user(stage.acme, 'ada');
    await stage.link('ada', 'main');
    browser = await signedIn(stage.url, ada);
  });
  afterAll(() => stage.close());

  it.each(['oauth-authorization-server', 'openid-configuration'])('says what it is: %s', async (name) => {
    const { status, body, headers } = await stage.request('GET', `//.well-known/${name}`);
    expect(status).toBe(200);
    expect(headers.get('access-control-allow-origin')).toBe('*');
    expect(body).toMatchObject({
      issuer: stage.url,
      authorization_endpoint: `${stage.url}/authorize`,
      token_endpoint: `${stage.url}/token`,
      registration_endpoint: `${stage.url}/register`,
      revocation_endpoint: `${stage.url}/revoke`,
      jwks_uri: `${stage.url}/.well-known/jwks.json`,
      response_types_supported: ['code'],
      code_challenge_methods_supported: ['S256'],
      authorization_response_iss_parameter_supported: true,
      client_id_metadata_document_supported: true,
    });
    expect(body.token_endpoint_auth_methods_supported).toContain('none');
    const resource = await stage.request('GET', '//.well-known/oauth-protected-resource/mcp');
    expect(resource.body.authorization_servers).toEqual([stage.url]);
  });

  it('signs in a client that registers itself, with the usual scopes, for tools and for them alone', async () => {
    const client = await register(stage.url);
    const { address, verifier } = await requestFor(stage.url, client);
    const consent = await browser.open(address);
    expect(plain(consent)).toContain('Allow Probe?');
    const back = await browser.submit(consent, { decision: 'allow' });
    expect(`${back.url.origin}${back.url.pathname}`).toBe(CALLBACK);
    expect(Object.fromEntries(back.url.searchParams)).toEqual({
      code: expect.any(String),
      state: 'state-of-the-client',
      iss: stage.url,
    });
    const code = back.url.searchParams.get('code') ?? '';
    const form = { client_id: client, code, code_verifier: verifier, redirect_uri: CALLBACK };
    const { status, headers, body } = await post(`${stage.url}/token`, { grant_type: 'authorization_code', ...form });
    expect(status).toBe(200);
    expect(headers.get('cache-control')).toBe('no-store');
    expect(body).toMatchObject({ token_type: 'Bearer', expires_in: 900, scope: 'read write' });
    const { keys } = (await stage.request('GET', '//.well-known/jwks.json')).body;
    expect(keys.map((it: { kid: string }) => it.kid)).toContain(decodeProtectedHeader(body.access_token).kid);
    expect(decodeProtectedHeader(body.access_token)).toMatchObject({ typ: 'at+jwt', alg: 'ES256' });
    const { iss, aud, sub, org, scope, client_id } = decodeJwt(body.access_token);
    expect({ iss, aud, sub, org, scope, client_id }).toEqual({
      iss: stage.url,
      aud: `${stage.url}/mcp`,
      sub: ada.id,
      org: stage.acme.organization,
      scope: 'read write',
      client_id: client,
    });
    expect(await callTool(body.access_token)).toBe('ada');
    expect((await stage.request('GET', '/me', { as: body.access_token })).status).toBe(401);
  });

  it.each([
    ['without a secret', 'desk', {}],
    ['with its secret', 'vault', { authorization: `Basic ${Buffer.from(`vault:${SECRET}`).toString('base64')}` }],
  ])('signs in a client that the operator has named, %s', async (_, id, headers) => {
    const redirect_uri = 'https://desk.example/cb';
    const { address, verifier } = await requestFor(stage.url, id, { redirect_uri, scope: 'read' });
    const consent = await browser.open(address);
    expect(plain(consent)).toContain('Those who run this server have registered it');
    expect(consent.text).not.toContain('class="alert"');
    const code = (await browser.submit(consent, { decision: 'allow' })).url.searchParams.get('code') ?? '';
    const form = { grant_type: 'authorization_code', code, code_verifier: verifier, redirect_uri };
    const { status, body } = await post(
      `${stage.url}/token`,
      { ...form, ...(id === 'desk' && { client_id: id }) },
      headers,
    );
    expect([status, body.scope]).toEqual([200, 'read']);
  });

  it('lets a client in by its secret only', async () => {
    const redirect_uri = 'https://desk.example/cb';
    const { body, status } = await tokensFor(stage.url, browser, 'vault', { redirect_uri });
    expect([status, body.error]).toEqual([401, 'invalid_client']);
  });

  it.each([
    ['openid', 'read write'],
    ['read openid offline_access', 'read'],
    ['write manage', 'write manage'],
    ['read read', 'read'],
  ])('gives for the scope %j: %j', async (scope, given) => {
    const { body } = await tokensFor(stage.url, browser, await register(stage.url), { scope });
    expect(body.scope).toBe(given);
  });

  it('ignores what belongs to OpenID Connect', async () => {
    const more = { nonce: 'n', max_age: '5', display: 'page' };
    expect((await tokensFor(stage.url, browser, await register(stage.url), more)).status).toBe(200);
  });

  it('tells the client that it is not allowed', async () => {
    const { address } = await requestFor(stage.url, await register(stage.url));
    const { url } = await browser.submit(await browser.open(address), { decision: 'deny' });
    expect(Object.fromEntries(url.searchParams)).toMatchObject({
      error: 'access_denied',
      state: 'state-of-the-client',
      iss: stage.url,
    });
  });

  it.each([
    ['another resource', { resource: 'https://other.example/mcp' }, 'invalid_target'],
    ['the root as resource', { resource: 'SELF' }, 'invalid_target'],
    ['no challenge', { code_challenge: '', code_challenge_method: '' }, 'invalid_request'],
    ['a plain challenge', { code_challenge_method: 'plain' }, 'invalid_request'],
    ['a challenge of no method', { code_challenge_method: '' }, 'invalid_request'],
    ['another response type', { response_type: 'token' }, 'unsupported_response_type'],
    ['an answer by form', { response_mode: 'form_post' }, 'unsupported_response_mode'],
    ['no question at all', { prompt: 'none' }, 'login_required'],
  ])('refuses %s, and says so to the client', async (_, more, error) => {
    const wanted = Object.fromEntries(Object.entries(more).map(([k, v]) => [k, v === 'SELF' ? stage.url : v]));
    const { address } = await requestFor(stage.url, await register(stage.url), wanted);
    const { url } = await browser.open(address);
    const answered = new URLSearchParams(url.hash === '' ? url.search : url.hash.slice(1));
    expect(Object.fromEntries(answered)).toMatchObject({ error, state: 'state-of-the-client', iss: stage.url });
  });

  it('takes the resource that a client names', async () => {
    const more = { resource: `${stage.url}/mcp` };
    expect((await tokensFor(stage.url, browser, await register(stage.url), more)).status).toBe(200);
  });

  it('signs with the key of today, also after it was replaced', async () => {
    const client = await register(stage.url);
    const before = (await tokensFor(stage.url, browser, client)).body.access_token;
    await stage.engine.signingKeys?.rotate();
    stage.later(61_000);
    const after = (await tokensFor(stage.url, browser, client)).body.access_token;
    expect(decodeProtectedHeader(after).kid).not.toBe(decodeProtectedHeader(before).kid);
    for (const token of [before, after]) expect(await callTool(token)).toBe('ada');
  });

  async function callTool(token: string): Promise<unknown> {
    const params = { name: 'sample_things_get', arguments: {} };
    const response = await stage.post(token, { jsonrpc: '2.0', id: 1, method: 'tools/call', params });
    const text = await response.text();
    return /"owner":\s*"(\w+)"/.exec(text.replaceAll('\\', ''))?.[1] ?? `${response.status} ${text}`;
  }
});

describe('without an authorization server', () => {
  it('has no such pages', async () => {
    const stage = await openAuthStage({ more: () => ({ authorizationServer: false }) });
    for (const path of ['.well-known/oauth-authorization-server', 'authorize', 'sign-in', 'consent/x']) {
      expect((await stage.request('GET', `//${path}`)).status).toBe(404);
    }
    await stage.close();
  });
});
