import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { Families, type Issued, type Tokens } from './family.ts';
import { FAULTS, type Fault, type FaultName, type Moment } from './faults.ts';
import { type Gate, gate, type Hold } from './hold.ts';
import { type Answer, invalidClient, refusal } from './refusals.ts';
import { resource } from './resource.ts';

export type { FaultName } from './faults.ts';
export { FAULT_NAMES, FAULTS } from './faults.ts';

export type FaultyOAuthOptions = {
  /** Seconds; default 3600. */
  readonly accessTokenTtl?: number;
  /** How late `late_reply` is; default 250. */
  readonly delayMs?: number;
  /** Seconds that a rate limit asks to wait; default 17. */
  readonly retryAfter?: number;
  /** The provider's clock, in epoch milliseconds; default Date.now. */
  readonly now?: () => number;
  /** Answers what is sent to `/control/…`; by default nothing is there. */
  readonly control?: Control;
};

/** Lets other processes plan and watch. */
export type Control = (faulty: FaultyOAuth, method: string, url: URL, text: string) => Promise<Answer>;

export type TokenRequest = {
  readonly refreshToken: string;
  readonly grantType: string;
  readonly fault: FaultName;
  /** What was issued, whether or not it reached the client. */
  readonly issued?: Issued;
  /** The error code of an honest refusal, as `invalid_grant` for a refresh token that was used before. */
  readonly refused?: string;
  /** Epoch milliseconds. */
  readonly at: number;
};

export type ApiCall = {
  readonly method: string;
  readonly path: string;
  readonly token: string;
  readonly status: number;
};

export type FaultyOAuth = {
  /** `http://127.0.0.1:PORT`, with `POST /token`, `GET /me` and `POST /echo`. */
  readonly url: string;
  /** Where `redirect_other_host` leads, and what arrived there. */
  readonly elsewhere: { readonly url: string; readonly requests: readonly string[] };
  readonly clientId: string;
  readonly clientSecret: string;
  /** A fresh token family. `name` is who `/me` says the tokens belong to. */
  newGrant(name?: string): Tokens;
  /** One fault per token request, after those planned before; then `none`. */
  plan(...faults: readonly FaultName[]): void;
  /** Drops the faults that are still planned. */
  behave(): void;
  readonly requests: readonly TokenRequest[];
  readonly calls: readonly ApiCall[];
  /** Throws for a token that was never issued. */
  familyAlive(refreshTokenOrAccessToken: string): boolean;
  /** Every access token issued so far is refused from now on. Refresh tokens live on. */
  expireAccessTokens(): void;
  /** The next token request that nobody holds yet waits for `release`, after the grant was treated. */
  hold(): Hold;
  close(): Promise<void>;
};

/** An OAuth 2 token endpoint that misbehaves as planned, and a small API that takes its tokens. On 127.0.0.1. */
export async function startFaultyOAuth(options: FaultyOAuthOptions = {}): Promise<FaultyOAuth> {
  const { accessTokenTtl = 3600, delayMs = 250, retryAfter = 17, now = Date.now, control } = options;
  const client = { id: 'faulty-client', secret: 'faulty-client-secret' };
  const families = new Families();
  const planned: FaultName[] = [];
  const requests: TokenRequest[] = [];
  const calls: ApiCall[] = [];
  const gates: Gate[] = [];
  const strayed: string[] = [];
  const elsewhere = await listen((request, response) => {
    strayed.push(`${request.method} ${request.url}`);
    response.end();
  });

  async function token(message: IncomingMessage, text: string): Promise<Answer> {
    const form = new URLSearchParams(text);
    const name = planned.shift() ?? 'none';
    const fault: Fault = FAULTS[name];
    const moment = { now: now(), accessTokenTtl, retryAfter, elsewhere: elsewhere.url };
    const held = gates.find((it) => !it.isTaken());
    const refreshToken = form.get('refresh_token') ?? '';
    const { answer, ...outcome } = treat(fault, moment, refreshToken, refusedClient(message, form, client));
    requests.push({
      refreshToken,
      grantType: form.get('grant_type') ?? '',
      fault: name,
      ...outcome,
      at: moment.now,
    });
    await held?.pass();
    // Not what keeps a process alive that is done with the provider.
    if ('late' in fault && outcome.issued) await sleep(delayMs, undefined, { ref: false });
    return answer;
  }

  function treat(fault: Fault, moment: Moment, refreshToken: string, refused: Refused | undefined) {
    if (fault.effect === 'rotate' || fault.effect === 'reissue') {
      if (refused !== undefined) return { answer: REFUSALS[refused], refused };
      const issued = families[fault.effect](refreshToken, moment.now + accessTokenTtl * 1000);
      if (!issued) return { answer: REFUSALS.invalid_grant, refused: 'invalid_grant' as const };
      return { answer: fault.answer(issued, moment), issued };
    }
    if (fault.effect === 'revoke') families.revoke(refreshToken);
    return { answer: fault.answer(moment) };
  }

  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    const text = Buffer.concat(chunks).toString('utf8');
    const url = new URL(request.url ?? '/', 'http://faulty');
    // Node would send the real time, which is not the provider's.
    response.setHeader('date', new Date(now()).toUTCString());
    if (request.method === 'POST' && url.pathname === '/token') return send(response, await token(request, text));
    if (control && url.pathname.startsWith('/control/')) {
      return send(response, await control(faulty, request.method ?? '', url, text));
    }
    const { authorization = '' } = request.headers;
    const who = (accessToken: string) => families.who(accessToken, now());
    const { token: used, answer } = resource(request.method ?? '', url, authorization, text, who);
    calls.push({ method: request.method ?? '', path: url.pathname, token: used, status: answer.status });
    send(response, answer);
  }

  const server = await listen((request, response) => {
    handle(request, response).catch(() => response.destroy()); // the client went away, or all is over
  });
  const faulty: FaultyOAuth = {
    url: server.url,
    elsewhere: { url: elsewhere.url, requests: strayed },
    clientId: client.id,
    clientSecret: client.secret,
    newGrant: (name = 'ada') => families.begin(name, now() + accessTokenTtl * 1000),
    plan: (...faults) => void planned.push(...faults),
    behave: () => void planned.splice(0),
    requests,
    calls,
    familyAlive: (it) => families.isAlive(it),
    expireAccessTokens: () => families.expireAccessTokens(),
    hold() {
      const next = gate();
      gates.push(next);
      return next;
    },
    async close() {
      for (const it of gates) it.release();
      await Promise.all([server.close(), elsewhere.close()]);
    },
  };
  return faulty;
}

const REFUSALS = {
  invalid_client: invalidClient,
  unsupported_grant_type: refusal('unsupported_grant_type', 'Only refresh_token is served.'),
  invalid_request: refusal('invalid_request', 'The refresh_token is missing.'),
  invalid_grant: refusal('invalid_grant', 'The refresh token is not good any more.'),
} as const;

type Refused = keyof typeof REFUSALS;

/** What RFC 6749 §5.2 calls the fault in this request, if it has one before its refresh token is looked at. */
function refusedClient(
  message: IncomingMessage,
  form: URLSearchParams,
  client: { id: string; secret: string },
): Refused | undefined {
  const [scheme = '', encoded = ''] = (message.headers.authorization ?? '').split(' ');
  // RFC 6749 §2.3.1: both parts are form-encoded before they are joined.
  const basic = new URLSearchParams(Buffer.from(encoded, 'base64').toString('utf8').replace(':', '='));
  const [id, secret] =
    scheme.toLowerCase() === 'basic' ? ([...basic][0] ?? []) : [form.get('client_id'), form.get('client_secret')];
  if (id !== client.id || secret !== client.secret) return 'invalid_client';
  if (form.get('grant_type') !== 'refresh_token') return 'unsupported_grant_type';
  return form.get('refresh_token') ? undefined : 'invalid_request';
}

function send(response: ServerResponse, answer: Answer): void {
  if (answer === 'cut') response.destroy();
  else if (answer === 'reset') response.socket?.resetAndDestroy();
  else {
    const length = { 'content-length': Buffer.byteLength(answer.body) };
    response.writeHead(answer.status, { ...answer.headers, ...length }).end(answer.body);
  }
}

async function listen(listener: RequestListener) {
  const server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    close: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
