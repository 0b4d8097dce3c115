import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createSecureServer, type ServerOptions } from 'node:https';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import { buildCatalog } from '../../src/connector/catalog.ts';
import { buildConnector, type Connector } from '../../src/connector/connector.ts';
import { loadDefinition, readDefinition } from '../../src/connector/load.ts';
import type { Values } from '../../src/connector/values.ts';
import { TielineError } from '../../src/errors.ts';
import type { AuditRecord } from '../../src/execute/audit.ts';
import { connectAccount } from '../../src/execute/connect.ts';
import type { Engine } from '../../src/execute/engine.ts';
import { type Call, execute } from '../../src/execute/execute.ts';
import { openPolicy, type Policy } from '../../src/execute/policy.ts';
import type { Integration } from '../../src/integration/integration.ts';
import type { Principal } from '../../src/integration/principal.ts';
import { memoryKeystore } from '../../src/keystore/keystore.ts';
import { createSender } from '../../src/network/send.ts';

export type Arrived = {
  readonly method: string;
  readonly path: string;
  readonly url: URL;
  readonly headers: IncomingHttpHeaders;
  readonly rawHeaders: readonly string[];
  readonly body: Buffer;
};

export type Provider = {
  readonly origin: string;
  readonly host: string;
  /** What reached it, in order; a test may empty it. */
  readonly seen: Arrived[];
  /** What answers from now on. A body that is no text and no bytes is JSON. */
  answer(handler: Handler): void;
  close(): Promise<void>;
};

export type Reply = {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: unknown;
  /** The answer as text, without a content type of its own. */
  readonly text?: string | Uint8Array;
};

/** Undefined: the handler has answered by itself. */
export type Handler = (request: Arrived, response: ServerResponse) => Reply | undefined | Promise<Reply | undefined>;

/** A provider on a socket that answers as the test says, `{}` at first. */
export async function startProvider(tls?: ServerOptions): Promise<Provider> {
  const seen: Arrived[] = [];
  let handler: Handler = () => ({ body: {} });
  const listener = (request: IncomingMessage, response: ServerResponse) => {
    respond(request, response).catch(() => response.destroy());
  };
  const server = tls ? createSecureServer(tls, listener) : createServer(listener);
  async function respond(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    const path = request.url ?? '';
    const { method = '', headers, rawHeaders } = request;
    const url = new URL(path, 'http://provider');
    const arrived = { method, path, url, headers, rawHeaders, body: Buffer.concat(chunks) };
    seen.push(arrived);
    const reply = await handler(arrived, response);
    if (!reply) return;
    const { status = 200, text, body } = reply;
    const type = text === undefined ? { 'content-type': 'application/json' } : {};
    response.writeHead(status, { ...type, ...reply.headers }).end(text ?? JSON.stringify(body ?? {}));
  }
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    origin: `${tls ? 'https' : 'http'}://${host}`,
    host,
    seen,
    answer: (next) => {
      handler = next;
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/** The definition `sample` with these parts, as a file would hold it. One bearer option and one action by default. */
export function connectorOf(parts: Record<string, unknown>): Connector {
  const definition = {
    format: 1,
    connector: 'sample',
    version: '1.0.0',
    title: 'Sample',
    summary: 'An API for tests.',
    auth: { options: { token: { title: 'Token', type: 'bearer' } } },
    entities: { things: { title: 'Things', actions: { get: { ...reading, request: { path: '/thing' } } } } },
    ...parts,
  };
  const read = readDefinition(JSON.stringify(definition), 'sample.yaml');
  if ('problems' in read) throw new Error(read.problems.map((it) => it.message).join('\n'));
  return buildConnector(read.loaded);
}

/** The connector of the sandbox, as it is shipped. */
export async function sandboxConnector(): Promise<Connector> {
  const file = new URL('../../connectors/sandbox/connector.yaml', import.meta.url);
  return buildConnector(await loadDefinition(fileURLToPath(file)));
}

/** What every action says, for one that reads. */
export const reading = { summary: 'Something for tests.', effect: 'read', scopes: ['any'] };

/** A definition whose only entity is `things`. */
export const things = (actions: Record<string, unknown>) => ({ things: { title: 'Things', actions } });

export const TOKEN = 'sample-token-0123456789';

export const alice: Principal = { organization: 'acme', user: 'alice', scopes: new Set(['read', 'write', 'manage']) };
export const bob: Principal = { ...alice, user: 'bob' };

export type Stage = {
  readonly engine: Engine;
  readonly audit: AuditRecord[];
  /** Links an account of alice, or of somebody else. */
  link(connector: string, options?: LinkOptions): Promise<Integration>;
  /** Calls `entity.action` of the first connector as alice. */
  call(pair: string, params?: Values, more?: CallOptions): ReturnType<typeof execute>;
  close(): Promise<void>;
};

export type LinkOptions = {
  readonly who?: Principal;
  readonly option?: string;
  readonly input?: Values;
  readonly identifier?: string;
};

export type CallOptions = Partial<Call> & { readonly who?: Principal };

export type StageOptions = {
  readonly allowPrivate?: readonly string[];
  readonly app?: Values;
  readonly policy?: Policy;
};

/** An engine over a keystore in memory, real sockets, and an audit that a test can read. */
export async function openStage(connectors: readonly Connector[], options: StageOptions = {}): Promise<Stage> {
  const { allowPrivate = ['127.0.0.1'], app = {}, policy = openPolicy } = options;
  const audit: AuditRecord[] = [];
  const keystore = await memoryKeystore();
  const sender = createSender({ allowPrivate });
  const engine: Engine = {
    catalog: buildCatalog(connectors),
    keystore,
    sender,
    audit: { write: (record) => void audit.push(record), close: async () => {} },
    policy: () => policy,
    app: async () => app,
    now: Date.now,
  };
  return {
    engine,
    audit,
    async link(connector, { who = alice, option, input = { token: TOKEN }, identifier = 'main' } = {}) {
      return (await connectAccount(engine, who, { connector, option, identifier, input })).integration;
    },
    call(pair, params = {}, { who = alice, ...more } = {}) {
      const [entity = '', action = ''] = pair.split('.');
      return execute(engine, who, { connector: connectors[0]?.name ?? '', entity, action, params, ...more });
    },
    async close() {
      await sender.close();
      await keystore.close();
    },
  };
}

/** What the work failed with; a success, or a failure that no caller could act on, fails the test. */
export async function failureOf(work: Promise<unknown> | (() => unknown)): Promise<TielineError> {
  try {
    const value = await (typeof work === 'function' ? work() : work);
    throw new Error(`it did not fail, but gave ${JSON.stringify(value)}`);
  } catch (error) {
    if (error instanceof TielineError) return error;
    throw error;
  }
}
