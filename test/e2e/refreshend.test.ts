import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import { type Provider, startProvider } from '../execute/stage.ts';
import { writeDefinition } from './desk.ts';
import { type Home, makeHome } from './home.ts';
import { type Running, start, until } from './program.ts';
import { serveHome } from './serve.ts';

let provider: Provider;
let home: Home;
/** Token requests so far. */
let logins: number;
/** Lets the provider answer the token request that it holds. */
let answer: (() => void) | undefined;

/** An API whose first token is over at once, and whose second is given when the test says so. */
beforeAll(async () => {
  provider = await startProvider();
});
afterAll(() => provider.close());

beforeEach(async () => {
  logins = 0;
  answer = undefined;
  provider.answer(async ({ path }) => {
    if (path !== '/token') return { body: { ok: true } };
    logins += 1;
    if (logins === 2) {
      await new Promise<void>((resolve) => {
        answer = resolve;
      });
    }
    return { body: { access_token: `token-number-${logins}`, expires_in: logins === 1 ? 0.001 : 3_600 } };
  });
  home = await makeHome({ hosts: [provider.host] });
  const login = {
    title: 'Login',
    type: 'token_request',
    request: { method: 'POST', path: '/token' },
    outputs: { token: '{{ body.access_token }}', expiration: '{{ body.expires_in }}' },
  };
  const definition = {
    format: 1,
    connector: 'slow',
    version: '1.0.0',
    title: 'Slow',
    summary: 'An API for tests.',
    server: { baseUrl: provider.origin },
    auth: { options: { login } },
    entities: {
      things: {
        title: 'Things',
        actions: { get: { summary: 'For tests.', effect: 'read', request: { path: '/thing' } } },
      },
    },
  };
  await writeDefinition(home.definitions, 'slow', JSON.stringify(definition));
});
afterEach(() => home.close());

const connect = async () => {
  const { code, stdout, stderr } = await home.run(['connect', 'slow', '--input', '-', '--json'], { input: '{}' });
  if (code !== 0) throw new Error(`${stdout}${stderr}`);
};

/** A call whose token request the provider has. */
async function calling(): Promise<Running> {
  const running = start(['call', 'slow', 'things', 'get', '--json'], { env: home.env });
  await until(() => answer !== undefined);
  return running;
}

/** The next call finds the token that was asked for then. */
async function expectSaved(): Promise<void> {
  const { code, stdout } = await home.run(['call', 'slow', 'things', 'get', '--json']);
  expect({ code, stdout: stdout.includes('"ok"') }).toEqual({ code: 0, stdout: true });
  expect(logins).toBe(2);
}

const stillRuns = async ({ child }: Running, ms = 700): Promise<void> => {
  await new Promise((resolve) => setTimeout(resolve, ms));
  expect([child.exitCode, child.signalCode]).toEqual([null, null]);
};

it.each(['SIGINT', 'SIGTERM'] as const)(
  '%s lets a one-shot command save what its provider was asked',
  async (signal) => {
    await connect();
    const running = await calling();
    running.child.kill(signal);
    await until(() => running.stderr().includes('ending once that is saved'));
    await stillRuns(running, 100);
    answer?.();
    expect((await running.ended).signal).toBe(signal);
    await expectSaved();
  },
);

it('a second Ctrl-C ends it at once', async () => {
  await connect();
  const running = await calling();
  running.child.kill('SIGINT');
  await until(() => running.stderr().includes('another Ctrl-C ends at once'));
  running.child.kill('SIGINT');
  expect((await running.ended).signal).toBe('SIGINT');
  answer?.();
});

it('the end of its input lets stdio save what a provider was asked, however long that takes', async () => {
  await connect();
  const running = start(['stdio'], { env: home.env, open: true });
  const say = (id: number, method: string, params: object) =>
    running.child.stdin?.write(`${JSON.stringify({ jsonrpc: '2.0', id, method, params })}\n`);
  const clientInfo = { name: 'test', version: '1' };
  say(1, 'initialize', { protocolVersion: '2025-06-18', capabilities: {}, clientInfo });
  await until(() => running.stdout().includes('"id":1'));
  say(2, 'tools/call', { name: 'slow_things_get', arguments: {} });
  await until(() => answer !== undefined);
  running.child.stdin?.end();
  // Longer than it used to wait.
  await stillRuns(running, 4_500);
  answer?.();
  expect((await running.ended).code).toBe(0);
  await expectSaved();
});

it('a signal lets serve save what a provider was asked', async () => {
  await connect();
  const served = await serveHome(home);
  const { token } = await served.user('ada');
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
  const body = JSON.stringify({ connector_type: 'slow', credentials: {} });
  logins = 0;
  const made = await fetch(`${served.url}/api/v1/integrations/connectors`, { method: 'POST', headers, body });
  expect(made.status).toBe(201);
  const { id } = (await made.json()) as { id: string };
  const call = fetch(`${served.url}/api/v1/integrations/connectors/${id}/execute`, {
    method: 'POST',
    headers,
    body: JSON.stringify({ entity: 'things', action: 'get', params: {} }),
  }).catch(() => undefined);
  await until(() => answer !== undefined);
  served.server.child.kill('SIGTERM');
  await stillRuns(served.server);
  answer?.();
  const { code } = await served.server.ended;
  await call;
  expect(code).toBe(0);
  expect(logins).toBe(2);
});
