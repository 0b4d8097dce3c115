import { randomUUID } from 'node:crypto';
import type { RequestListener } from 'node:http';
import { openSigningKeys } from '../../src/auth/signingkeys.ts';
import { buildCatalog } from '../../src/connector/catalog.ts';
import type { Connector } from '../../src/connector/connector.ts';
import type { Values } from '../../src/connector/values.ts';
import type { AuditRecord } from '../../src/execute/audit.ts';
import type { Engine } from '../../src/execute/engine.ts';
import { openPolicy, type Policy } from '../../src/execute/policy.ts';
import { httpApp } from '../../src/http/app.ts';
import { agentLink } from '../../src/http/connect/agentlink.ts';
import { type Backend, defaultLimits, type Limits } from '../../src/http/context.ts';
import { openGates } from '../../src/http/gates.ts';
import { listen, webListener } from '../../src/http/listen.ts';
import { mcpShortcut } from '../../src/http/shortcut.ts';
import { appSettings } from '../../src/integration/appsettings.ts';
import { createClientKey } from '../../src/integration/clientkey.ts';
import { createOrganization } from '../../src/integration/organization.ts';
import { type Keystore, memoryKeystore } from '../../src/keystore/keystore.ts';
import { openBus } from '../../src/mcp/bus.ts';
import type { Extension } from '../../src/mcp/extension.ts';
import { type McpHttp, openMcpHttp } from '../../src/mcp/http.ts';
import type { Linker } from '../../src/mcp/link.ts';
import { createSender } from '../../src/network/send.ts';
import { misfits } from './document.ts';

/** A tenant with a client API key. */
export type Tenant = { readonly organization: string; readonly key: string };

export type Answered = {
  readonly status: number;
  readonly headers: Headers;
  // biome-ignore lint/suspicious/noExplicitAny: tests look at whatever was answered
  readonly body: any;
  readonly text: string;
};

export type RequestOptions = {
  readonly as?: string | Tenant | undefined;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
};

/** A server on a socket, with everything in memory behind it. */
export type HttpStage = {
  readonly url: string;
  readonly engine: Engine;
  readonly keystore: Keystore;
  readonly audit: AuditRecord[];
  readonly mcp: McpHttp;
  /** Moves the clock forward; milliseconds. */
  later(ms: number): void;
  tenant(name?: string): Promise<Tenant>;
  /** `path` below /api/v1 unless it begins with `//`. */
  request(method: string, path: string, options?: RequestOptions): Promise<Answered>;
  /** A user of the tenant with a login token. */
  user(tenant: Tenant, identifier: string): Promise<{ id: string; identifier: string; secret: string; token: string }>;
  close(): Promise<void>;
};

export async function openHttpStage(
  options: {
    readonly connectors?: readonly Connector[];
    readonly limits?: Partial<Limits>;
    readonly app?: Values;
    readonly keystore?: Keystore;
    readonly scopeGrain?: Engine['scopeGrain'];
    readonly extension?: Extension;
    readonly policy?: Policy;
    /** How long a call waits for a user who links an account, in milliseconds. */
    readonly patience?: number;
    /** More of what the routes stand on. */
    readonly backend?: (engine: Engine, url: string) => Partial<Backend>;
  } = {},
): Promise<HttpStage> {
  const keystore = options.keystore ?? (await memoryKeystore());
  let shift = 0;
  const now = () => Date.now() + shift;
  const audit: AuditRecord[] = [];
  const sender = createSender({ allowPrivate: ['127.0.0.1'] });
  let url = '';
  const bus = openBus();
  const signingKeys = openSigningKeys({ keystore, now, issuer: 'http://tieline.test' });
  const settings = appSettings(keystore, () => options.app);
  const engine: Engine = {
    catalog: buildCatalog(options.connectors ?? []),
    keystore,
    sender,
    audit: { write: (record) => void audit.push(record), close: async () => {} },
    policy: () => options.policy ?? openPolicy,
    scopeGrain: options.scopeGrain,
    app: (connector, organization) => settings(engine.catalog.connector(connector), organization),
    changed: bus.publish,
    now,
    signingKeys,
  };
  const limits = { ...defaultLimits, requests: 100_000, ...options.limits };
  // The address is known when the server listens, and the app needs it.
  let app: ReturnType<typeof httpApp> | undefined;
  let serving: RequestListener = (_, outgoing) => void outgoing.writeHead(503).end();
  const listening = await listen((incoming, outgoing) => serving(incoming, outgoing), { host: '127.0.0.1', port: 0 });
  url = `http://127.0.0.1:${listening.port}`;
  const link: Linker = (who, wanted) => agentLink({ engine, url }, who, { ...wanted, requires: 'session' });
  const { extension, patience = 300 } = options;
  const mcp = openMcpHttp(engine, { bus, extension, link, patience });
  const backend = { engine, signingKeys, url, limits, mcp, ...options.backend?.(engine, url) };
  const gates = openGates(backend);
  app = httpApp(backend, gates);
  serving = mcpShortcut(backend, gates, webListener(app.fetch));

  let document: Parameters<typeof misfits>[0] | undefined;
  /** Every answer of the API keeps to the document that the API gives of itself. */
  function checkAnswer(method: string, path: string, { status, headers, body }: Answered): void {
    const name = `/api/v1${path.split('?')[0]}`;
    if (/\/(?:openapi\.json|docs)$/.test(name)) return;
    document ??= app?.getOpenAPI31Document({ openapi: '3.1.0', info: { title: '', version: '' } }) as typeof document;
    if (!document) throw new Error('the server has no document yet');
    const type = headers.get('content-type') ?? '';
    const problems = misfits(document, { method, path: name, status, type, body });
    if (problems.length > 0) throw new Error(problems.join('\n'));
  }

  const stage: HttpStage = {
    url,
    engine,
    keystore,
    audit,
    mcp,
    later: (ms) => {
      shift += ms;
    },
    async tenant(name = 'acme') {
      // Several of one test may be called alike, as far as it is concerned.
      const { id } = await createOrganization(keystore, { name, now: now() }).catch(() =>
        createOrganization(keystore, { name: `${name} ${randomUUID()}`, now: now() }),
      );
      const { text } = await createClientKey(keystore, { name: 'test', organizations: [id], now: now() });
      return { organization: id, key: text };
    },
    async request(method, path, { as, body, headers = {} } = {}) {
      const bearer = typeof as === 'string' ? as : as?.key;
      const response = await fetch(path.startsWith('//') ? `${url}${path.slice(1)}` : `${url}/api/v1${path}`, {
        method,
        redirect: 'manual',
        headers: {
          ...(bearer !== undefined && { authorization: `Bearer ${bearer}` }),
          ...(body !== undefined && { 'content-type': 'application/json' }),
          ...headers,
        },
        ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
      });
      const text = await response.text();
      const isJson = /json/.test(response.headers.get('content-type') ?? '');
      const answered = {
        status: response.status,
        headers: response.headers,
        text,
        body: isJson ? JSON.parse(text) : undefined,
      };
      if (!path.startsWith('//')) checkAnswer(method, path, answered);
      return answered;
    },
    async user(tenant, identifier) {
      const made = await stage.request('POST', '/users', { as: tenant, body: { identifier } });
      const { id, secret } = made.body;
      const login = await stage.request('POST', '/auth/token', { as: tenant, body: { identifier, secret } });
      return { id, identifier, secret, token: login.body.token };
    },
    async close() {
      await mcp.close();
      await listening.close();
      await sender.close();
      await keystore.close();
    },
  };
  return stage;
}
