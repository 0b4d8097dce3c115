import { randomBytes } from 'node:crypto';
import { createServer, type IncomingMessage, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { getRequestListener, type HttpBindings } from '@hono/node-server';
import { Hono } from 'hono';
import type Provider from 'oidc-provider';
import { TielineError } from '../errors.ts';
import { resourceApi } from './api.ts';
import { callerFinder } from './caller.ts';
import { consentPages } from './consent.ts';
import { APPLICATION, Data, PEOPLE, type Person } from './data.ts';
import { Grants } from './grants.ts';
import { Observed } from './observed.ts';
import { createProvider, DEFAULT_SCOPE, loadProvider } from './provider.ts';
import { answer, notFound } from './refusal.ts';

export type { ApiCall } from './api.ts';
export type { Person } from './data.ts';
export type { TokenRequest } from './observed.ts';

export type SandboxOptions = {
  /** 0, the default, takes a free one. */
  readonly port?: number;
  /** Seconds; default 60. */
  readonly accessTokenTtl?: number;
  /** Default: Ada Lovelace (`ada`) and Grace Hopper (`grace`). */
  readonly people?: readonly Person[];
  /** Per person; default 600. */
  readonly callsPerMinute?: number;
};

export type Sandbox = {
  /** `http://127.0.0.1:PORT`; the API is under `/api/v1`, the OAuth issuer is `/oauth`. */
  readonly url: string;
  readonly clientId: string;
  readonly clientSecret: string;
  /** A static key of this person, good in `X-Api-Key` and as a bearer token. Throws `usage` for nobody's id. */
  apiKey(personId: string): string;
  readonly observed: Pick<Observed, 'tokenRequests' | 'apiCalls' | 'refreshes'>;
  /** Every access token issued so far is refused from now on, as if its time had passed. Refresh tokens live on. */
  expireAccessTokens(): void;
  /** Ends all grants of this person. */
  revoke(personId: string): void;
  close(): Promise<void>;
};

const MOUNT = '/oauth';
const METADATA = /^\/\.well-known\/(oauth-authorization-server|openid-configuration)\/oauth$/;

/** Starts an OAuth 2 provider and the small API behind it on 127.0.0.1. Data lives in memory, equal at each start. */
export async function startSandbox(options: SandboxOptions = {}): Promise<Sandbox> {
  const { port = 0, accessTokenTtl = 60, people = PEOPLE, callsPerMinute = 600 } = options;
  const OidcProvider = await loadProvider();
  const server = createServer();
  const url = await listen(server, port);
  const grants = new Grants();
  const client = { id: 'sandbox-client', secret: randomBytes(24).toString('base64url') };
  const issuer = `${url}${MOUNT}`;
  const provider = createProvider(OidcProvider, { issuer, client, people, grants, accessTokenTtl });
  const keys = new Map(people.map((person) => [`sandbox_${randomBytes(24).toString('base64url')}`, person]));
  const observed = new Observed();
  observeTokenRequests(provider, observed);

  const app = new Hono<{ Bindings: HttpBindings }>();
  const data = new Data([...people, APPLICATION]);
  const identify = callerFinder(provider, people, keys);
  app.route('/', resourceApi({ data, identify, callsPerMinute, onCall: (call) => observed.apiCall(call) }));
  app.route('/', consentPages(provider, people));
  app.notFound((c) => answer(c, notFound('path')));
  server.on('request', split(provider.callback(), getRequestListener(app.fetch)));

  let closing: Promise<void> | undefined;

  return {
    url,
    clientId: client.id,
    clientSecret: client.secret,
    apiKey: (personId) => {
      const key = [...keys].find(([, person]) => person.id === personId)?.[0];
      if (key === undefined) throw new TielineError('usage', `nobody in the sandbox is called "${personId}"`);
      return key;
    },
    observed,
    expireAccessTokens: () => grants.expireAccessTokens(),
    revoke: (personId) => grants.revoke(personId),
    close: () => {
      closing ??= close(server);
      return closing;
    },
  };
}

function observeTokenRequests(provider: Provider, observed: Observed): void {
  const grantTypeOf = (params: { grant_type?: unknown } | undefined) => String(params?.grant_type ?? '');
  provider.on('grant.success', (ctx) => {
    observed.tokenRequest({ grantType: grantTypeOf(ctx.oidc.params), ok: true, at: Date.now() });
  });
  provider.on('grant.error', (ctx, error) => {
    observed.tokenRequest({ grantType: grantTypeOf(ctx.oidc.params), ok: false, error: error.error, at: Date.now() });
  });
}

/** Sends what is under `/oauth` to the provider, without that prefix, and the rest to the app. */
function split(provider: RequestListener, app: RequestListener): RequestListener {
  return (request, response) => {
    // RFC 8414 §3.1 puts the well-known part before the issuer's path; oidc-provider serves it after.
    const path = (request.url ?? '/').replace(METADATA, `${MOUNT}/.well-known/$1`);
    if (!path.startsWith(`${MOUNT}/`)) return app(request, response);
    const inside = withDefaultScope(path.slice(MOUNT.length));
    // `originalUrl` is how oidc-provider learns where it is mounted.
    const mounted: IncomingMessage = Object.assign(request, { url: inside, originalUrl: MOUNT + inside });
    return provider(mounted, response);
  };
}

/** RFC 6749 §3.3: a request without scope gets a default one, where oidc-provider alone would answer access_denied. */
function withDefaultScope(path: string): string {
  if (!/^\/authorize(?:\?|$)/.test(path)) return path;
  const url = new URL(path, 'http://sandbox');
  if (!url.searchParams.get('scope')) url.searchParams.set('scope', DEFAULT_SCOPE);
  return url.pathname + url.search;
}

function listen(server: Server, port: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const refuse = (cause: Error) => {
      reject(
        new TielineError('usage', `port ${port} cannot be used`, {
          hint: 'Choose another port, or 0 for a free one.',
          cause,
        }),
      );
    };
    server.once('error', refuse);
    server.listen(port, '127.0.0.1', () => {
      server.off('error', refuse);
      resolve(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
    });
  });
}

function close(server: Server): Promise<void> {
  return new Promise((resolve, reject) => {
    server.close((error) => (error ? reject(error) : resolve()));
    server.closeAllConnections();
  });
}
