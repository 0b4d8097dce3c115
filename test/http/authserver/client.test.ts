import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createSender } from '../../../src/network/send.ts';
import type { McpStage } from '../../mcp/httpstage.ts';
import { CERTIFICATE, KEY } from '../../sql/certificate.ts';
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

/** A host that publishes who its client is. */
type DocumentHost = {
  readonly origin: string;
  readonly requests: string[];
  answer(path: string, answer: { status?: number; headers?: Record<string, string>; body: unknown }): string;
  close(): Promise<unknown>;
};

async function startDocumentHost(): Promise<DocumentHost> {
  const requests: string[] = [];
  const answers = new Map<string, { status?: number; headers?: Record<string, string>; body: unknown }>();
  const server = createServer({ key: KEY, cert: CERTIFICATE }, (request, response) => {
    const path = request.url ?? '';
    requests.push(path);
    const { status = 200, headers = {}, body } = answers.get(path) ?? { status: 404, body: '' };
    response.writeHead(status, { 'content-type': 'application/json', ...headers });
    response.end(typeof body === 'string' ? body : JSON.stringify(body));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const origin = `https://localhost:${(server.address() as AddressInfo).port}`;
  return {
    origin,
    requests,
    answer(path, answer) {
      answers.set(path, answer);
      return `${origin}${path}`;
    },
    close: () => new Promise((resolve) => server.close(resolve)),
  };
}

let stage: McpStage;
let host: DocumentHost;
let ada: { identifier: string; secret: string };
let browser: Browser;

beforeAll(async () => {
  host = await startDocumentHost();
  const sender = createSender({ allowPrivate: ['localhost', '127.0.0.1'] }, { ca: CERTIFICATE });
  stage = await openAuthStage({ more: (engine) => ({ engine: { ...engine, sender } }) });
  ada = await stage.user(stage.acme, 'ada');
  browser = await signedIn(stage.url, ada);
});
afterAll(async () => {
  await stage.close();
  await host.close();
});

describe('a client that publishes who it is', () => {
  it('is named with its host, and receives at any port of this machine without a word about it', async () => {
    const id = host.answer('/agent', {
      // As it is published in the wild: no port, no application_type, no grant types.
      body: { client_id: `${host.origin}/agent`, client_name: 'Agent', redirect_uris: ['http://localhost/callback'] },
    });
    const redirect_uri = 'http://localhost:55564/callback';
    const { address } = await requestFor(stage.url, id, { redirect_uri });
    const consent = await browser.open(address);
    expect(plain(consent)).toContain(`The name is that of a client of ${new URL(id).host}`);
    expect(plain(consent)).toContain('a program on your computer');
    const { status, body } = await tokensFor(stage.url, browser, id, { redirect_uri });
    expect([status, typeof body.refresh_token]).toEqual([200, 'string']);
    expect(host.requests.filter((it) => it === '/agent')).toHaveLength(1);
  });

  it('is not warned about when its answers go to a host', async () => {
    const id = host.answer('/cloud', {
      body: { client_id: `${host.origin}/cloud`, client_name: 'Cloud', redirect_uris: ['https://cloud.example/cb'] },
    });
    const { address } = await requestFor(stage.url, id, { redirect_uri: 'https://cloud.example/cb' });
    const consent = await browser.open(address);
    expect(plain(consent)).toContain('cloud.example');
    expect(consent.text).not.toContain('class="alert"');
  });

  const good = (path: string) => ({
    client_id: `${host.origin}${path}`,
    client_name: 'X',
    redirect_uris: ['http://127.0.0.1:9/callback'],
  });
  it.each<[string, (path: string) => Parameters<DocumentHost['answer']>[1]]>([
    ['of another client', (path) => ({ body: { ...good(path), client_id: `${host.origin}/other` } })],
    ['of no client', (path) => ({ body: { ...good(path), client_id: undefined } })],
    ['with a secret in it', (path) => ({ body: { ...good(path), client_secret: 'x'.repeat(40) } })],
    [
      'with authentication by secret',
      (path) => ({ body: { ...good(path), token_endpoint_auth_method: 'client_secret_post' } }),
    ],
    ['that is too long', (path) => ({ body: { ...good(path), padding: 'x'.repeat(20_000) } })],
    ['that is no JSON', () => ({ body: '{' })],
    ['that is a list', () => ({ body: [] })],
    ['of another type', (path) => ({ headers: { 'content-type': 'text/html' }, body: good(path) })],
    ['behind a redirect', () => ({ status: 302, headers: { location: '/agent' }, body: '' })],
    ['that is not there', () => ({ status: 404, body: '' })],
    ['with plain http to a host', (path) => ({ body: { ...good(path), redirect_uris: ['http://evil.example/cb'] } })],
  ])('is unknown by a document %s', async (name, answer) => {
    const path = `/${name.replaceAll(' ', '-')}`;
    const id = host.answer(path, answer(path));
    const { address } = await requestFor(stage.url, id);
    const shown = await browser.open(address);
    expect(shown.status).toBe(400);
    expect(shown.url.pathname).toBe('/authorize');
    expect(plain(shown)).toContain('This sign-in cannot go on');
  });

  it.each([
    'http://localhost/agent',
    'https://localhost/../agent',
    'https://a@localhost/agent',
    'https://localhost/a#b',
  ])('is unknown by %s', async (id) => {
    const before = host.requests.length;
    const { address } = await requestFor(stage.url, id);
    expect((await browser.open(address)).status).toBe(400);
    expect(host.requests).toHaveLength(before);
  });

  it('is not looked for in the private network', async () => {
    const guarded = createSender({ allowPrivate: [] }, { ca: CERTIFICATE });
    const strict = await openAuthStage({ more: (engine) => ({ engine: { ...engine, sender: guarded } }) });
    try {
      const person = await signedIn(strict.url, await strict.user(strict.acme, 'ada'));
      const before = host.requests.length;
      for (const id of [`${host.origin}/agent`, 'https://169.254.169.254/latest', 'https://[::1]/agent']) {
        const { address } = await requestFor(strict.url, id);
        expect((await person.open(address)).status).toBe(400);
      }
      expect(host.requests).toHaveLength(before);
    } finally {
      await strict.close();
      await guarded.close();
    }
  });
});

describe('a client that registers itself', () => {
  it('gets no more than it needs, and what it says besides is left out', async () => {
    const json = {
      client_name: 'A\u202e\u0000B',
      redirect_uris: ['https://app.example/cb'],
      grant_types: ['client_credentials', 'implicit'],
      scope: 'admin',
      jwks_uri: 'http://169.254.169.254/',
      sector_identifier_uri: 'http://169.254.169.254/',
      client_id: 'chosen',
    };
    const { status, body } = await post(`${stage.url}/register`, { json });
    expect(status).toBe(201);
    expect(body).toMatchObject({
      client_name: 'A B',
      grant_types: ['authorization_code', 'refresh_token'],
      token_endpoint_auth_method: 'client_secret_basic',
      client_secret: expect.any(String),
      client_secret_expires_at: 0,
    });
    expect(body.client_id).not.toBe('chosen');
    for (const name of ['scope', 'jwks_uri', 'sector_identifier_uri']) expect(body).not.toHaveProperty(name);
  });

  it.each([
    [['javascript:alert(1)'], 'invalid_redirect_uri'],
    [['data:text/html,x'], 'invalid_redirect_uri'],
    [['file:///etc/passwd'], 'invalid_redirect_uri'],
    [['http://evil.example/cb'], 'invalid_redirect_uri'],
    [['http://127.0.0.1.evil.example/cb'], 'invalid_redirect_uri'],
    [['https://user:pass@app.example/cb'], 'invalid_redirect_uri'],
    [['https://app.example/cb#x'], 'invalid_redirect_uri'],
    [['https://app.example/cb', 'not an address'], 'invalid_redirect_uri'],
    ...['ms-msdt:/id', 'search-ms:query=x', 'shell:startup', 'mailto:a@b.example', 'tel:1', 'sms:1', 'chrome://version']
      .concat([
        'jar:https://a.example!/',
        'steam://run/1',
        'https:a.example',
        'https:///a.example/cb',
        'http:127.0.0.1',
      ])
      .concat([
        'https://*.example/cb',
        'https://app.example\\\\@evil.example/cb',
        'intent://x#Intent;end',
        'ws://a.example',
      ])
      .map((it): [string[], string] => [[it], 'invalid_redirect_uri']),
    [[], 'invalid_redirect_uri'],
    [Array.from({ length: 17 }, (_, i) => `https://app.example/${i}`), 'invalid_redirect_uri'],
    [['https://app.example/'.padEnd(3_000, 'x')], 'invalid_redirect_uri'],
  ])('is refused with %j', async (redirect_uris, error) => {
    const { status, body } = await post(`${stage.url}/register`, { json: { redirect_uris } });
    expect([status, body.error]).toEqual([400, error]);
  });

  it.each([
    ['a long name', { client_name: 'x'.repeat(300) }],
    ['a way to authenticate that is not there', { token_endpoint_auth_method: 'private_key_jwt' }],
    ['too much', { padding: 'x'.repeat(40_000) }],
  ])('is refused with %s', async (_, more) => {
    const json = { redirect_uris: ['https://app.example/cb'], ...more };
    const { status, body } = await post(`${stage.url}/register`, { json });
    expect([status, body.error]).toEqual([400, 'invalid_client_metadata']);
  });

  it('is known by what is in its client_id, and nothing of it is kept', async () => {
    const id = await register(stage.url, { client_name: 'Sealed' });
    expect(id.length).toBeLessThan(300);
    const shown = await browser.open((await requestFor(stage.url, id)).address);
    expect(plain(shown)).toContain('Allow Sealed?');
    const changed = `${id.slice(0, -1)}${id.endsWith('A') ? 'B' : 'A'}`;
    for (const other of [changed, id.slice(0, -4), stage.keystore.seal('another', { u: [CALLBACK] })]) {
      expect((await browser.open((await requestFor(stage.url, other)).address)).status).toBe(400);
    }
  });

  it('may have been several apps: those that nobody knows are left out', async () => {
    // What Cursor, VS Code and Claude register, and one more.
    const known = [
      'cursor://anysphere.cursor-mcp/oauth/callback',
      'https://www.cursor.com/agents/mcp/oauth/callback',
      'http://localhost:8787/callback',
      'https://vscode.dev/redirect',
      'http://127.0.0.1/',
      'vscode-insiders://vscode.mcp/authorize',
      'https://claude.ai/api/mcp/auth_callback',
      'com.example.app:/callback',
    ];
    const json = { redirect_uris: [...known, 'ms-msdt:/id', 'unknown://callback'] };
    const { status, body } = await post(`${stage.url}/register`, { json });
    expect([status, body.redirect_uris]).toEqual([201, known]);
  });
});

describe('where answers go', () => {
  const exact = 'https://app.example/cb';
  const clients = new Map<string, string>();
  const clientOf = async (uri: string): Promise<string> => {
    const client = clients.get(uri) ?? (await register(stage.url, { redirect_uris: [uri] }));
    clients.set(uri, client);
    return client;
  };
  const local = 'http://127.0.0.1:4000/cb?x=1';

  it.each([
    [exact, exact],
    [local, local],
    [local, 'http://127.0.0.1:5000/cb?x=1'],
    [local, 'http://127.0.0.1/cb?x=1'],
    ['http://[::1]/cb', 'http://[::1]:81/cb'],
    ['cursor://app/cb', 'cursor://app/cb'],
  ])('a client of %s receives at %s', async (registered, redirect_uri) => {
    const client = await clientOf(registered);
    const { address } = await requestFor(stage.url, client, { redirect_uri });
    const consent = await browser.open(address);
    expect(consent.url.pathname).toMatch(/^\/consent\//);
    const back = await browser.submit(consent, { decision: 'allow' });
    expect(back.url.href.startsWith(new URL(redirect_uri).href)).toBe(true);
  });

  it.each([
    [exact, 'https://app.example/cb/'],
    [exact, 'https://app.example/cb2'],
    [exact, 'https://app.example/CB'],
    [exact, 'https://app.example/x/../cb'],
    [exact, 'https://app.example:444/cb'],
    [exact, 'https://user@app.example/cb'],
    [exact, 'https://app.example.evil.example/cb'],
    [exact, 'https://app.example/cb?next=evil'],
    [exact, 'https://app.example/cb#x'],
    [exact, 'http://app.example/cb'],
    [exact, ''],
    [local, 'http://localhost:4000/cb?x=1'],
    [local, 'http://127.0.0.1:4000/cb'],
    [local, 'http://127.0.0.1:4000/cb?x=1&y=2'],
    [local, 'http://127.0.0.1:4000/CB?x=1'],
    [local, 'http://127.0.0.1:4000/a/../cb?x=1'],
    [local, 'http://user@127.0.0.1:4000/cb?x=1'],
    [local, 'http://127.0.0.1:4000@evil.example/cb?x=1'],
    [local, 'http://127.0.0.2:4000/cb?x=1'],
    [local, 'https://127.0.0.1:4000/cb?x=1'],
  ])('a client of %s receives nothing at %j', async (registered, redirect_uri) => {
    const client = await clientOf(registered);
    const { address } = await requestFor(stage.url, client, { redirect_uri });
    const shown = await browser.open(address);
    expect([shown.status, shown.url.origin]).toEqual([400, stage.url]);
  });

  it('an error is not sent anywhere for a client that nobody knows', async () => {
    const { address } = await requestFor(stage.url, 'nobody', { redirect_uri: 'https://evil.example/cb' });
    const shown = await browser.open(address);
    expect([shown.status, shown.url.origin]).toEqual([400, stage.url]);
    expect(shown.headers.get('content-type')).toContain('text/html');
  });
});
