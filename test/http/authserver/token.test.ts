import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openKeystore } from '../../../src/keystore/keystore.ts';
import type { McpStage } from '../../mcp/httpstage.ts';
import { type Browser, CALLBACK, openAuthStage, post, register, requestFor, signedIn, tokensFor } from './stage.ts';

type Ada = { id: string; identifier: string; secret: string; token: string };

const refresh = (url: string, client_id: string, refresh_token: string, more: Record<string, string> = {}) =>
  post(`${url}/token`, { grant_type: 'refresh_token', client_id, refresh_token, ...more });

/** What MCP answers to a token: 200, or 401. */
const statusAt = async (stage: McpStage, token: string): Promise<number> =>
  (await stage.post(token, { jsonrpc: '2.0', id: 1, method: 'ping' })).status;

describe('codes and tokens', () => {
  let stage: McpStage;
  let ada: Ada;
  let browser: Browser;
  let client: string;

  beforeAll(async () => {
    stage = await openAuthStage();
    ada = await stage.user(stage.acme, 'ada');
    browser = await signedIn(stage.url, ada);
    client = await register(stage.url);
  });
  afterAll(() => stage.close());

  async function codeFor(more: Record<string, string> = {}): Promise<Record<string, string>> {
    const { address, verifier } = await requestFor(stage.url, client, more);
    const back = await browser.submit(await browser.open(address), { decision: 'allow' });
    const code = back.url.searchParams.get('code') ?? '';
    return {
      grant_type: 'authorization_code',
      client_id: client,
      code,
      code_verifier: verifier,
      redirect_uri: CALLBACK,
    };
  }

  it.each([
    ['no verifier', { code_verifier: '' }],
    ['another verifier', { code_verifier: 'x'.repeat(43) }],
    ['another redirect address', { redirect_uri: 'http://127.0.0.1:10/callback' }],
    ['no redirect address', { redirect_uri: '' }],
    ['another resource', { resource: 'https://other.example/mcp' }],
    ['another code', { code: 'x'.repeat(43) }],
  ])('gives nothing for a code with %s', async (_, more) => {
    const form = Object.fromEntries(Object.entries({ ...(await codeFor()), ...more }).filter(([, it]) => it !== ''));
    const { status, body } = await post(`${stage.url}/token`, form);
    expect(status).toBe(400);
    expect(body.access_token).toBeUndefined();
  });

  it('gives nothing for the code of another client', async () => {
    const other = await register(stage.url);
    const { status, body } = await post(`${stage.url}/token`, { ...(await codeFor()), client_id: other });
    expect([status, body.error]).toEqual([400, 'invalid_grant']);
  });

  it('takes a code once, and ends what came of it when it comes again', async () => {
    const form = await codeFor();
    const first = await post(`${stage.url}/token`, form);
    expect(await statusAt(stage, first.body.access_token)).toBe(200);
    expect((await post(`${stage.url}/token`, form)).body.error).toBe('invalid_grant');
    expect(await statusAt(stage, first.body.access_token)).toBe(401);
    expect((await refresh(stage.url, client, first.body.refresh_token)).body.error).toBe('invalid_grant');
  });

  it('gives tokens to one of many who come at once with one code', async () => {
    const form = await codeFor();
    const answers = await Promise.all(Array.from({ length: 8 }, () => post(`${stage.url}/token`, form)));
    expect(answers.filter((it) => it.status === 200).length).toBeLessThanOrEqual(1);
  });

  it('rotates refresh tokens, and ends the grant when one comes again', async () => {
    const { body: first } = await tokensFor(stage.url, browser, client);
    const { body: second } = await refresh(stage.url, client, first.refresh_token);
    expect(second.refresh_token).not.toBe(first.refresh_token);
    expect(await statusAt(stage, second.access_token)).toBe(200);
    expect((await refresh(stage.url, client, first.refresh_token)).body.error).toBe('invalid_grant');
    expect((await refresh(stage.url, client, second.refresh_token)).body.error).toBe('invalid_grant');
    for (const token of [first.access_token, second.access_token]) expect(await statusAt(stage, token)).toBe(401);
  });

  it('refreshes for one of many who come at once with one token', async () => {
    const { body } = await tokensFor(stage.url, browser, client);
    const answers = await Promise.all(Array.from({ length: 8 }, () => refresh(stage.url, client, body.refresh_token)));
    expect(answers.filter((it) => it.status === 200).length).toBeLessThanOrEqual(1);
  });

  it('gives no more by a refresh than was allowed', async () => {
    const { body } = await tokensFor(stage.url, browser, client, { scope: 'read' });
    const more = await refresh(stage.url, client, body.refresh_token, { scope: 'read write' });
    expect(more.body.error).toBe('invalid_scope');
    expect((await refresh(stage.url, client, body.refresh_token)).body.scope).toBe('read');
  });

  it('does not refresh for another client', async () => {
    const { body } = await tokensFor(stage.url, browser, client);
    const other = await register(stage.url);
    expect((await refresh(stage.url, other, body.refresh_token)).body.error).toBe('invalid_grant');
    expect((await refresh(stage.url, client, body.refresh_token)).status).toBe(200);
  });

  it('revokes for the client whose token it is', async () => {
    const { body } = await tokensFor(stage.url, browser, client);
    const other = await register(stage.url);
    await post(`${stage.url}/revoke`, { client_id: other, token: body.refresh_token });
    expect(await statusAt(stage, body.access_token)).toBe(200);
    const { status } = await post(`${stage.url}/revoke`, { client_id: client, token: body.refresh_token });
    expect(status).toBe(200);
    expect(await statusAt(stage, body.access_token)).toBe(401);
    expect((await refresh(stage.url, client, body.refresh_token)).body.error).toBe('invalid_grant');
  });

  it('lists the grants of a user, who alone can end them', async () => {
    const eve = await stage.user(stage.acme, 'eve');
    const { body } = await tokensFor(stage.url, browser, await register(stage.url, { client_name: 'Listed' }));
    const { data } = (await stage.request('GET', '/grants', { as: ada.token })).body;
    const listed = data.find((it: { client: { name: string } }) => it.client.name === 'Listed');
    expect(listed).toMatchObject({ scopes: ['read', 'write'], client: { name: 'Listed' } });
    expect((await stage.request('GET', '/grants', { as: eve.token })).body.data).toEqual([]);
    expect((await stage.request('GET', '/grants', { as: stage.acme })).status).toBe(403);
    const path = `/grants/${listed.id}`;
    const refused = await stage.request('DELETE', path, { as: eve.token });
    const unknown = await stage.request('DELETE', '/grants/none', { as: eve.token });
    expect([refused.status, refused.body.code]).toEqual([unknown.status, unknown.body.code]);
    expect(await statusAt(stage, body.access_token)).toBe(200);
    expect((await stage.request('DELETE', path, { as: ada.token })).status).toBe(204);
    expect(await statusAt(stage, body.access_token)).toBe(401);
    expect((await refresh(stage.url, client, body.refresh_token)).status).toBe(400);
  });

  it.each([
    [
      'is disabled',
      (id: string) => stage.request('PATCH', `/users/${id}`, { as: stage.acme, body: { disabled: true } }),
    ],
    ['gets a new secret', (id: string) => stage.request('POST', `/users/${id}/secret`, { as: stage.acme })],
    ['is deleted', (id: string) => stage.request('DELETE', `/users/${id}`, { as: stage.acme })],
  ])('ends everything when the user %s', async (name, change) => {
    const user = await stage.user(stage.acme, `who ${name}`);
    const theirs = await signedIn(stage.url, user);
    const { body } = await tokensFor(stage.url, theirs, client);
    expect(await statusAt(stage, body.access_token)).toBe(200);
    stage.later(2_000);
    await change(user.id);
    expect(await statusAt(stage, body.access_token)).toBe(401);
    expect((await refresh(stage.url, client, body.refresh_token)).body.error).toBe('invalid_grant');
    const { address } = await requestFor(stage.url, client);
    expect((await theirs.open(address)).url.pathname).toBe('/sign-in');
    await stage.request('PATCH', `/users/${user.id}`, { as: stage.acme, body: { disabled: false } });
    expect((await refresh(stage.url, client, body.refresh_token)).body.error).toBe('invalid_grant');
  });
});

describe('two processes on one store', () => {
  it('know the same clients, requests, codes and tokens, and keep none of them readable', async () => {
    const home = await mkdtemp(join(tmpdir(), 'tieline-'));
    const open = async () => (await openKeystore({ home, env: {} })).keystore;
    const one = await openAuthStage({ keystore: await open() });
    const { port } = new URL(one.url);
    // The other serves the same public address, as behind a load balancer.
    const two = await openAuthStage({ keystore: await open(), more: () => ({ url: one.url }) });
    const at = (stage: McpStage, address: URL | string) => {
      const url = new URL(address, stage.url);
      if (url.port === port) url.port = new URL(stage.url).port;
      return url;
    };
    try {
      const tenant = await one.tenant('solo');
      const ada = await one.user(tenant, 'ada');
      const client = await register(one.url);
      const { address, verifier } = await requestFor(one.url, client);
      const browser = await signedIn(one.url, { ...ada, organization: tenant.organization });
      const consent = await browser.open(address);
      const back = await browser.submit({ ...consent, url: at(two, consent.url) }, { decision: 'allow' });
      const resumed = back.url.pathname.startsWith('/authorize/') ? await browser.open(back.url) : back;
      const code = resumed.url.searchParams.get('code') ?? '';
      const form = { grant_type: 'authorization_code', client_id: client, code, redirect_uri: CALLBACK };
      const { body } = await post(`${two.url}/token`, { ...form, code_verifier: verifier });
      const next = await refresh(one.url, client, body.refresh_token);
      expect(next.status).toBe(200);
      expect(await statusAt(two, next.body.access_token)).toBe(200);
      const again = await Promise.all(
        [one, two, one, two].map((it) => refresh(it.url, client, next.body.refresh_token)),
      );
      expect(again.filter((it) => it.status === 200).length).toBeLessThanOrEqual(1);
      expect((await post(`${one.url}/token`, { ...form, code_verifier: verifier })).body.error).toBe('invalid_grant');
      const files = await Promise.all(
        ['tieline.db', 'tieline.db-wal'].map((name) => readFile(join(home, name)).catch(() => Buffer.alloc(0))),
      );
      const stored = Buffer.concat(files).toString('latin1');
      expect(stored).toContain('oauth.');
      for (const secret of [code, body.refresh_token, next.body.refresh_token, 'Probe']) {
        expect(stored).not.toContain(secret);
        expect(stored).not.toContain(Buffer.from(secret).toString('base64url'));
      }
    } finally {
      await one.close();
      await two.close();
      await rm(home, { recursive: true });
    }
  });
});
