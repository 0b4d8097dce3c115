import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import type { Credential } from '../../src/auth/credential.ts';
import { buildConnector } from '../../src/connector/connector.ts';
import { loadDefinition } from '../../src/connector/load.ts';
import { connectAccount } from '../../src/execute/connect.ts';
import { accountStatus } from '../../src/execute/health.ts';
import { revokeAccount } from '../../src/execute/revoke.ts';
import { credentialKey } from '../../src/integration/accounts.ts';
import {
  alice,
  connectorOf,
  failureOf,
  openStage,
  type Provider,
  type Reply,
  reading,
  startProvider,
  things,
} from './stage.ts';

let provider: Provider;
beforeAll(async () => {
  provider = await startProvider();
});
afterAll(() => provider.close());
beforeEach(() => {
  provider.seen.length = 0;
  provider.answer(() => ({ body: {} }));
});

const paths = () => provider.seen.map((it) => `${it.method} ${it.path}`);
const properties = { user: { type: 'string' }, password: { type: 'string', secret: true } };
const ui = { schema: { type: 'object', required: ['user', 'password'], properties } };
const input = { user: 'ada', password: 'pass-word-77' };
const entities = things({ get: { ...reading, request: { path: '/thing' } } });

/** Gives a bearer token without asking anybody. */
const made = { getCredentialsFromConnectionParameters: { javascript: '() => ({ token: "made-token-99" })' } };

async function stageOf(methods: object, server: object = {}) {
  const it = { title: 'It', type: 'bearer', ui, methods };
  const connector = connectorOf({
    server: { baseUrl: `${provider.origin}/api`, ...server },
    auth: { options: { it } },
    entities,
  });
  const stage = await openStage([connector]);
  onTestFinished(() => stage.close());
  const connect = () => connectAccount(stage.engine, alice, { connector: 'sample', identifier: 'main', input });
  return { ...stage, connector, connect };
}

/** Two requests lead to a token; a ticket leads to the next one. */
function loginServer() {
  const state = { tokens: ['token-1-abcdef'], revoked: [] as string[] };
  provider.answer(({ method, path, headers, body }): Reply => {
    const at = `${method} ${path}`;
    if (at === 'POST /api/challenge') {
      const { user } = JSON.parse(`${body}`);
      return { body: { challenge: `for-${user}-2718281828` } };
    }
    if (at === 'POST /api/session') {
      const form = Object.fromEntries(new URLSearchParams(`${body}`));
      if (form.password !== 'pass-word-77' || form.challenge !== 'for-ada-2718281828') return { status: 403 };
      return { body: { data: { token: state.tokens.at(-1), ticket: 'ticket-1-abcdef', seconds: '600' } } };
    }
    if (at === 'POST /api/renew') {
      if (headers['x-ticket'] !== 'ticket-1-abcdef') return { status: 400, body: { error: 'ticket used up' } };
      state.tokens.push('token-2-abcdef');
      return { body: { token: 'token-2-abcdef' } };
    }
    if (at === 'POST /api/logout') {
      state.revoked.push(`${headers.authorization}`);
      return { status: 204, text: '' };
    }
    if (headers.authorization !== `Bearer ${state.tokens.at(-1)}`) return { status: 401 };
    return { body: path === '/api/whoami' ? { active: true } : { ok: true } };
  });
  return state;
}

const FILES = {
  'login.js': `// Two requests, the second with what the first gave.
export default async ({ input, secrets, http }) => {
  const first = await http({ method: 'POST', path: '/challenge', json: { user: input.user } });
  const { status, body } = await http({
    method: 'POST',
    url: input.sessionUrl,
    form: { password: secrets.password, challenge: first.body.challenge },
  });
  if (status !== 200) throw { code: 'token_rejected', message: 'the login was refused' };
  return { token: body.data.token, ticket: body.data.ticket, expiresIn: body.data.seconds };
};
`,
  'methods/refresh.js': `export default async function refresh({ credentials, http }) {
  const { status, body } = await http({ method: 'POST', path: '/renew', headers: { 'X-Ticket': credentials.ticket } });
  if (status === 400) throw { code: 'reauthorization_required', message: body.error };
  return { token: body.token, expiresIn: 600 };
}
`,
  'test.js': `async ({ credentials, http }) => {
  const { status, body } = await http({ path: '/whoami' });
  return status === 200 && body.active && credentials.token !== undefined;
}`,
  'revoke.js': `async ({ credentials, http }) => {
  await http({ method: 'POST', path: '/logout', headers: { Authorization: 'Bearer ' + credentials.token } });
}`,
};

describe('a connector whose methods are files', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'tieline-'));
    await mkdir(join(folder, 'methods'));
    for (const [name, text] of Object.entries(FILES)) await writeFile(join(folder, name), text);
    return () => rm(folder, { recursive: true });
  });

  async function open() {
    const definition = {
      format: 1,
      connector: 'sample',
      version: '1.0.0',
      title: 'Sample',
      summary: 'An API for tests.',
      server: { baseUrl: `${provider.origin}/api` },
      auth: {
        options: {
          it: {
            title: 'It',
            type: 'bearer',
            ui: { schema: { ...ui.schema, properties: { ...properties, sessionUrl: { type: 'string' } } } },
            methods: {
              getCredentialsFromConnectionParameters: { implementationType: 'javascript', file: 'login.js' },
              refreshCredentials: { implementationType: 'javascript', file: 'methods/refresh.js' },
              test: { implementationType: 'javascript', file: 'test.js' },
              revoke: { implementationType: 'javascript', file: 'revoke.js' },
            },
          },
        },
      },
      entities,
    };
    const file = join(folder, 'connector.yaml');
    await writeFile(file, JSON.stringify(definition));
    const connector = buildConnector(await loadDefinition(file));
    const stage = await openStage([connector]);
    onTestFinished(() => stage.close());
    const connect = (more: object = {}) =>
      connectAccount(stage.engine, alice, {
        connector: 'sample',
        identifier: 'main',
        input: { ...input, sessionUrl: `${provider.origin}/api/session`, ...more },
      });
    return { ...stage, connector, connect };
  }

  it('connects, tests, refreshes and revokes', async () => {
    const state = loginServer();
    const { engine, connector, connect, call } = await open();
    const { integration, tested } = await connect();
    expect(tested).toBe(true);
    expect(paths()).toEqual(['POST /api/challenge', 'POST /api/session', 'GET /api/whoami']);
    const key = credentialKey(alice, 'sample', integration.id);
    const stored = async () => (await engine.keystore.read<Credential>(key))?.value;
    const first = await stored();
    expect(first?.values).toEqual({ token: 'token-1-abcdef', ticket: 'ticket-1-abcdef' });
    expect((first?.expiresAt ?? 0) - (first?.obtainedAt ?? 0)).toBeGreaterThan(590_000);
    expect(provider.seen.slice(0, 2).map((it) => it.headers.authorization)).toEqual([undefined, undefined]);

    state.tokens.push('another-one');
    expect((await call('things.get')).data).toEqual({ ok: true });
    expect(paths().slice(3)).toEqual(['GET /api/thing', 'POST /api/renew', 'GET /api/thing']);
    expect((await stored())?.values).toEqual({ token: 'token-2-abcdef', ticket: 'ticket-1-abcdef' });

    expect(await revokeAccount(engine, alice, connector, integration)).toBe(true);
    expect(state.revoked).toEqual(['Bearer token-2-abcdef']);
  });

  it('says that the login was refused, without what was typed', async () => {
    loginServer();
    const error = await failureOf((await open()).connect({ password: 'wrong-pass-88' }));
    expect(error).toMatchObject({ code: 'token_rejected', message: 'the login was refused' });
  });

  it('says when only the user can help', async () => {
    const state = loginServer();
    const { engine, connect, call } = await open();
    const { integration } = await connect();
    state.tokens.push('another-one');
    await engine.keystore.write(credentialKey(alice, 'sample', integration.id), {
      version: 1,
      input,
      values: { token: 'old-token-abc', ticket: 'used-ticket-abc' },
      obtainedAt: Date.now(),
    });
    expect(await failureOf(call('things.get'))).toMatchObject({
      code: 'reauthorization_required',
      message: expect.stringContaining('ticket used up'),
    });
    expect((await accountStatus(engine, alice, integration)).status).toBe('reauth_required');
  });
});

describe('http', () => {
  const login = (body: string) => ({
    getCredentialsFromConnectionParameters: { javascript: `async ({ http, input }) => { ${body} }` },
  });

  it.each<[string, string]>([
    ['a host that is not declared', "'https://elsewhere.example/x'"],
    ['a private address', "'http://169.254.169.254/latest'"],
    ['a file', "'file:///etc/passwd'"],
  ])('does not reach %s', async (_, url) => {
    const stage = await stageOf(login(`return await http({ url: ${url} })`));
    expect((await failureOf(stage.connect())).code).toBe('target_forbidden');
  });

  it('does not reach a declared host that is private, unless the operator opens it', async () => {
    const it = { title: 'It', type: 'bearer', ui, methods: login("return http({ path: '/x' })") };
    const stage = await openStage([connectorOf({ server: { baseUrl: provider.origin }, auth: { options: { it } } })], {
      allowPrivate: [],
    });
    onTestFinished(() => stage.close());
    const connecting = connectAccount(stage.engine, alice, { connector: 'sample', input });
    expect((await failureOf(connecting)).code).toBe('target_forbidden');
    expect(paths()).toEqual([]);
  });

  it.each(["'/../secret'", "'/%2e%2e/secret'", "'//evil.example/x'", "'/a/../../secret'"])(
    'stays below the base URL with the path %s',
    async (path) => {
      const stage = await stageOf(login(`await http({ path: ${path} }); return {}`));
      await stage.connect().catch(() => undefined);
      for (const it of provider.seen) expect(it.path).toMatch(/^\/api\//);
    },
  );

  it('sends texts as they are: no expression in them is evaluated', async () => {
    const text = "const text = '{{ input.password }}';";
    const stage = await stageOf(
      login(
        `${text} await http({ method: 'POST', path: '/x', query: { text }, headers: { x: text }, json: { text } }); return {}`,
      ),
    );
    await stage.connect();
    const [seen] = provider.seen;
    expect(seen?.url.searchParams.get('text')).toBe('{{ input.password }}');
    expect(seen?.headers.x).toBe('{{ input.password }}');
    expect(`${seen?.body}`).toBe('{"text":"{{ input.password }}"}');
  });

  it.each([
    ['{}', /needs either path or url/],
    ["{ path: '/x', metod: 'GET' }", /metod/],
    ["{ path: '/x', method: 'TRACE' }", /method/],
    ["{ path: '/x', multipart: [] }", /multipart/],
    ["'/x'", /expected object/],
  ])('does not send %s', async (request, message) => {
    const stage = await stageOf(login(`return http(${request})`));
    expect(await failureOf(stage.connect())).toMatchObject({
      code: 'definition_invalid',
      message: expect.stringMatching(message),
    });
    expect(paths()).toEqual([]);
  });

  it('follows no redirect by itself, and none with a header to another host', async () => {
    const other = await startProvider();
    onTestFinished(() => other.close());
    provider.answer(() => ({ status: 302, headers: { location: `${other.origin}/there` } }));
    const sent = "path: '/x', headers: { authorization: 'Bearer abc' }";
    const stage = await stageOf(login(`const { status } = await http({ ${sent} }); return { status }`));
    await stage.connect();
    expect(other.seen).toEqual([]);
    const follows = await stageOf(login(`return http({ ${sent}, followRedirects: true })`), {
      allowHosts: [other.host],
    });
    await follows.connect();
    expect(other.seen.map((it) => it.headers.authorization)).toEqual([undefined]);
  });

  it('cuts an answer that is too large', async () => {
    provider.answer(() => ({ text: 'x'.repeat(300 * 1024) }));
    const stage = await stageOf(login("return { it: await http({ path: '/x' }).catch((it) => it) }"));
    const { integration } = await stage.connect();
    const stored = await stage.engine.keystore.read<Credential>(credentialKey(alice, 'sample', integration.id));
    expect(stored?.value.values.it).toEqual({ code: 'response_too_large', message: expect.any(String) });
  });

  it('is not there for methods that run for each request', async () => {
    const stage = await stageOf({
      ...made,
      makeApiClient: { javascript: '({ http }) => Promise.resolve({ headers: { x: typeof http } })' },
    });
    await stage.connect();
    expect(await failureOf(stage.call('things.get'))).toMatchObject({
      code: 'expression_failed',
      message: expect.stringContaining('cannot wait'),
    });
    const plain = await stageOf({
      ...made,
      makeApiClient: { javascript: '({ http }) => ({ headers: { x: typeof http } })' },
    });
    await plain.connect();
    await plain.call('things.get');
    expect(provider.seen.at(-1)?.headers.x).toBe('undefined');
  });
});

describe('test', () => {
  const tested = async (javascript: string, server: object = {}) => {
    const stage = await stageOf({ ...made, test: { javascript } }, server);
    return stage.connect();
  };

  it.each(['() => true', '() => "yes"', 'async () => ({})'])('%s succeeds', async (javascript) => {
    expect((await tested(javascript)).tested).toBe(true);
  });

  it.each<[string, string, RegExp]>([
    ['() => false', 'token_rejected', /did not succeed/],
    ['async () => undefined', 'token_rejected', /did not succeed/],
    ['() => { throw new Error("no seat") }', 'token_rejected', /did not succeed: no seat/],
    ['async ({ http }) => { await http({ path: "/x" }); for (;;); }', 'expression_failed', /took longer/],
    ['async ({ http }) => http({ url: "https://elsewhere.example/" })', 'target_forbidden', /elsewhere/],
  ])('%s is %s', async (javascript, code, message) => {
    expect(await failureOf(tested(javascript))).toMatchObject({ code, message: expect.stringMatching(message) });
  });

  it('has requests of the account itself below the base URL, and bare ones elsewhere', async () => {
    const javascript = `async ({ http }) => {
      const own = await http({ path: '/me' });
      const other = await http({ url: '${provider.origin}/api/status' });
      return own.status === 404 && other.status === 500;
    }`;
    provider.answer(({ path }) => ({ status: path.endsWith('/me') ? 404 : 500 }));
    await tested(javascript);
    expect(provider.seen.map((it) => [it.path, it.headers.authorization])).toEqual([
      ['/api/me', 'Bearer made-token-99'],
      ['/api/status', undefined],
    ]);
  });

  it('tells a refused credential', async () => {
    provider.answer(() => ({ status: 401 }));
    const error = await failureOf(tested('async ({ http }) => (await http({ path: "/me" })).status < 500'));
    expect(error.code).toBe('token_rejected');
  });
});

it('a function may say that nothing was revoked', async () => {
  const { engine, connector, connect } = await stageOf({ revoke: { javascript: '() => false' } });
  const { integration } = await connect();
  expect(await revokeAccount(engine, alice, connector, integration)).toBe(false);
});

it('what is not stored yet does not leave in the message of a login that fails', async () => {
  provider.answer(() => ({ body: { session: 'only-just-made-4711' } }));
  const javascript =
    'async ({ http, input }) => { const { body } = await http({ path: "/x" }); throw new Error(body.session + " " + input.password) }';
  const stage = await stageOf({ getCredentialsFromConnectionParameters: { javascript } });
  const { message } = await failureOf(stage.connect());
  expect(message).toMatch(/^\[secret\] \[secret\] in /);
});
