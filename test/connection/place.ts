import { mkdtemp, rm } from 'node:fs/promises';
import { createServer as createPlain, type IncomingHttpHeaders, type RequestListener } from 'node:http';
import { createServer as createSecure } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { inputOf } from '../../src/connection/auth.ts';
import { buildConnection } from '../../src/connection/connection.ts';
import type { Place, Saving } from '../../src/connection/save.ts';
import { type Connection, readConnection } from '../../src/connection/spec.ts';
import type { Values } from '../../src/connector/values.ts';
import { execute } from '../../src/execute/execute.ts';
import { loadSandbox } from '../../src/expression/sandbox.ts';
import { alice, openStage } from '../execute/stage.ts';

export type Seen = {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
};
export type Reply = { readonly status?: number; readonly body?: unknown; readonly headers?: Record<string, string> };
export type Api = { readonly url: string; readonly host: string; readonly seen: Seen[]; answer: (it: Seen) => Reply };

/** An API on loopback that answers as it is told to; over TLS where it is given a certificate. */
export async function startApi(answer: Api['answer'], tls?: { cert: string; key: string }): Promise<Api> {
  const seen: Seen[] = [];
  const listener: RequestListener = async (request, response) => {
    let body = '';
    for await (const chunk of request.setEncoding('utf8')) body += chunk;
    const { method = '', url = '', headers } = request;
    const it = { method, url, headers, body };
    seen.push(it);
    const reply = api.answer(it);
    response.writeHead(reply.status ?? 200, { 'content-type': 'application/json', ...reply.headers });
    response.end(JSON.stringify(reply.body ?? {}));
  };
  const server = tls ? createSecure(tls, listener) : createPlain(listener);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  const api: Api = { url: `${tls ? 'https' : 'http'}://${host}`, host, seen, answer };
  return api;
}

/** Connections in a folder and keystore of the test's own. */
export async function openPlace(options: { allowPrivate?: readonly string[] } = {}) {
  await loadSandbox();
  const stage = await openStage([], options);
  const home = await mkdtemp(join(tmpdir(), 'tieline-connection-'));
  const folder = join(home, 'connectors');
  const place: Place = { engine: stage.engine, who: alice, folder, isTaken: async () => false };
  onTestFinished(async () => {
    await stage.close();
    await rm(home, { recursive: true, force: true });
  });
  return {
    place,
    folder,
    call: async (pair: string, params: Values = {}) => {
      const [entity = '', action = ''] = pair.split('.');
      return (await execute(stage.engine, alice, { connector: 'desk', entity, action, params })).data;
    },
  };
}

/** What `tieline connections create` makes of an input. */
export function savingOf(given: object, more: Values = {}): Saving & { readonly connection: Connection } {
  const connection = readConnection({ name: 'Desk', ...given });
  return {
    connection,
    built: buildConnection(connection, '/none/connector.yaml'),
    input: { ...inputOf(connection), ...more },
  };
}

export const SECRET = 'the-secret-0123456789';

/** Answers who is right, and 401 to everybody else. */
export const only =
  (isRight: (it: Seen) => boolean) =>
  (it: Seen): Reply =>
    isRight(it) ? { body: { ok: true } } : { status: 401, body: { error: 'who are you?' } };

export const bearing = (value: string, header = 'authorization') => only((it) => it.headers[header] === value);

/** An API that wants the secret as a token, and what makes a connection to it. */
export const GIVEN = { testPath: '/health', auth: { type: 'raw_bearer_token', token: SECRET } };

export async function openDesk(given: object = {}) {
  const api = await startApi(bearing(`Bearer ${SECRET}`));
  const opened = await openPlace();
  const saving = savingOf({ baseUrl: api.url, ...GIVEN, ...given });
  return { api, ...opened, saving };
}
