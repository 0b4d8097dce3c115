import { bound, sizeOfText } from '../bounded.ts';
import { LONGEST_CALL_MS } from '../deadline.ts';
import { originalOf, TielineError } from '../errors.ts';
import { Places } from '../places.ts';
import { exchange, type HttpRequest, type HttpResponse, type OnData, type Timeouts } from './exchange.ts';
import { exemption, type GuardOptions, hostnameOf, type NetworkPolicy, portOf } from './guard.ts';
import { agentPool, type TlsMaterial } from './tls.ts';

export type { HttpRequest, HttpResponse, OnData, Timeouts } from './exchange.ts';
export type { TlsMaterial } from './tls.ts';

export type SendOptions = {
  /** The hosts the request may name, each as `URL.host`: with its port unless that is the scheme's own. */
  allowedHosts: ReadonlySet<string>;
  /** Milliseconds. Default: connect 5,000, headers 30,000, body 30,000, total 50,000 (redirects included). */
  timeouts?: Partial<Timeouts> | undefined;
  /** The most an answer may hold, on the wire and decompressed. Default 8 MiB. */
  maxBytes?: number | undefined;
  /**
   * `false`: a redirect is the answer. `true`: followed, and off the origin too if that is a public https host or an
   * allowed one; then no header but accept and user-agent goes along. Default: GET and HEAD within the origin.
   */
  followRedirects?: boolean | undefined;
  /** What is trusted and shown instead of the usual. A redirect off the origin goes without. */
  tls?: TlsMaterial | undefined;
  /**
   * The last step before a request is sent: gives it with its credential. Done anew for a redirect within the origin,
   * so that no signature is sent twice, and never for one off it.
   */
  authenticate?: ((request: HttpRequest) => HttpRequest | Promise<HttpRequest>) | undefined;
  signal?: AbortSignal | undefined;
  onData?: OnData | undefined;
};

/** A sender bound to the hosts of one connector. */
export type Send = (request: HttpRequest, options?: Omit<SendOptions, 'allowedHosts'>) => Promise<HttpResponse>;

export type Sender = {
  /**
   * Any status is an answer, not an error.
   *
   * @throws TielineError `target_forbidden`, `arguments_invalid`, `upstream_unreachable`, `upstream_timeout`,
   * `upstream_invalid`, `response_too_large`, `canceled`. `wasNotSent` tells whether the provider can have seen it.
   */
  send(request: HttpRequest, options: SendOptions): Promise<HttpResponse>;
  /** Ends every connection; requests under way fail. */
  close(): Promise<void>;
};

const WAITING = bound({
  name: 'requests that wait for others to their host',
  entries: 4_000,
  bytes: 64 * 1024 * 1024,
  atBound: 'further requests to hosts that are busy fail with too_many_requests',
});
const REQUESTS_PER_HOST = 256;

const TIMEOUTS: Timeouts = { connectMs: 5_000, headersMs: 30_000, bodyMs: 30_000, totalMs: LONGEST_CALL_MS };
export type SenderOptions = GuardOptions & {
  /** How many requests to one host may be under way; the others wait. Default 256. */
  readonly requestsPerHost?: number;
};

const ANSWER = bound({
  name: 'an answer of a provider, where its connector does not say more',
  entries: 1,
  bytes: 8 * 1024 * 1024,
  atBound: 'the call fails with response_too_large',
});
const MOST_REDIRECTS = 3;

const unsent = new WeakSet<object>();

/** True if the request behind this error certainly never reached a server: not one byte of it was written. */
export function wasNotSent(error: unknown): boolean {
  const original = originalOf(error);
  return typeof original === 'object' && original !== null && unsent.has(original);
}

/** Requests through the egress guard. Connections are kept and shared by all that go to one origin. */
export function createSender(
  policy: NetworkPolicy,
  { requestsPerHost = REQUESTS_PER_HOST, ...options }: SenderOptions = {},
): Sender {
  const places = new Places('requests to this host', {
    most: requestsPerHost,
    waiting: { each: WAITING.entries / 2, all: WAITING.entries },
    bytes: WAITING.bytes,
  });
  const exempt = exemption(policy);
  const declared = agentPool(policy, options);
  // A provider that redirects elsewhere must not gain what the operator opened for declared hosts.
  const { ca: _, ...strict } = options;
  const elsewhere = agentPool({ allowPrivate: [] }, strict);

  async function send(first: HttpRequest, options: SendOptions): Promise<HttpResponse> {
    let isSending = false;
    const onSending = () => {
      isSending = true;
    };
    try {
      return await follow(first, options, onSending);
    } catch (error) {
      if (!isSending && error instanceof Error) unsent.add(error);
      throw error;
    }
  }

  async function follow(first: HttpRequest, options: SendOptions, onSending: () => void): Promise<HttpResponse> {
    const { allowedHosts, maxBytes = ANSWER.bytes, signal, authenticate, tls, onData } = options;
    const timeouts = { ...TIMEOUTS, ...options.timeouts };
    const limits = { timeouts, deadline: performance.now() + timeouts.totalMs, maxBytes, signal, onData, onSending };
    checkHead(first);
    if (!allowedHosts.has(first.url.host)) throw undeclared(first.url);
    let request = first;
    let isHome = true;
    for (let redirects = 0; ; redirects += 1) {
      const { url } = request;
      const isDeclared = allowedHosts.has(url.host);
      checkUrl(url, isDeclared && exempt(hostnameOf(url), portOf(url)));
      isHome &&= url.origin === first.url.origin;
      const { host } = url;
      const place = places.take(host, {
        ms: limits.deadline - performance.now(),
        signal,
        bytes: () => sizeOf(request),
      });
      if (place) await place;
      let response: HttpResponse;
      try {
        const made = isHome && authenticate ? authenticate(request) : undefined;
        const sent = made ? checked(made instanceof Promise ? await made : made, url) : request;
        const agent = isDeclared ? declared.agent(isHome ? tls : undefined) : elsewhere.agent();
        response = await exchange(agent, sent, limits);
      } finally {
        places.free(host);
      }
      const next = redirected(request, response, options.followRedirects);
      if (!next) return response;
      if (redirects === MOST_REDIRECTS) {
        throw new TielineError('upstream_invalid', `the provider redirected more than ${MOST_REDIRECTS} times`);
      }
      request = next;
    }
  }

  return {
    send,
    async close() {
      await Promise.all([declared.destroy(), elsewhere.destroy()]);
    },
  };
}

const sizeOf = ({ body }: HttpRequest): number =>
  typeof body === 'string' ? sizeOfText(body) : body instanceof Uint8Array ? body.length : 0;

/** A credential goes where the request went before it had one, or nowhere. */
function checked(request: HttpRequest, { origin }: URL): HttpRequest {
  if (request.url.origin !== origin || request.url.username !== '' || request.url.password !== '') {
    throw new TielineError('target_forbidden', 'authentication must not change where a request goes');
  }
  checkHead(request);
  return request;
}

/** The request that follows a redirect, or undefined if the answer is not to be followed. */
function redirected(
  request: HttpRequest,
  response: HttpResponse,
  follow: boolean | undefined,
): HttpRequest | undefined {
  const { location } = response.headers;
  const isSafe = request.method === 'GET' || request.method === 'HEAD';
  if (!(follow ?? isSafe) || location === undefined) return undefined;
  if (![301, 302, 303, 307, 308].includes(response.status)) return undefined;
  if (!URL.canParse(location, request.url.href)) {
    throw new TielineError('upstream_invalid', 'the provider redirected to something that is not an address');
  }
  const url = new URL(location, request.url);
  // RFC 9110 15.4: 307 and 308 repeat the request, the others turn it into a GET.
  const repeats = isSafe || response.status === 307 || response.status === 308;
  const next = repeats ? { ...request, url } : { method: 'GET', url, headers: withoutBody(request.headers) };
  if (url.origin === request.url.origin) return next;
  if (request.url.protocol === 'https:' && url.protocol === 'http:') {
    throw new TielineError('target_forbidden', 'the provider redirected from https to http');
  }
  // A body may hold credentials as well, and a write is not for another host to receive.
  if (follow !== true || (repeats && !isSafe)) {
    throw new TielineError('target_forbidden', `the provider redirected to another host, ${url.host}`);
  }
  return { method: next.method, url, headers: only(request.headers, ['accept', 'user-agent']) };
}

function withoutBody(headers: HttpRequest['headers']): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !/^content-/i.test(name)));
}

function only(headers: HttpRequest['headers'], names: readonly string[]): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => names.includes(name.toLowerCase())));
}

function checkUrl(url: URL, isExempt: boolean): void {
  if (url.protocol !== 'https:' && url.protocol !== 'http:') {
    throw new TielineError('target_forbidden', 'only http and https addresses can be reached');
  }
  if (url.username !== '' || url.password !== '') {
    throw new TielineError('target_forbidden', 'the address must not carry a user name or password');
  }
  if (url.protocol === 'http:' && !isExempt) {
    const hint = 'Use https, or ask the operator to add this private host to network.allowPrivate in config.yaml.';
    throw new TielineError('target_forbidden', `${url.host} may be reached over https only`, { hint });
  }
}

function undeclared({ host }: URL): TielineError {
  return new TielineError('target_forbidden', `${host} is not a host that this connector may reach`);
}

/** Headers that say where a message goes and where it ends are made here and nowhere else. */
const RESERVED = /^(?:host|connection|content-length|expect|keep-alive|te|trailer|transfer-encoding|upgrade)$/i;

/** RFC 9110 5.6.2. */
const TOKEN = /^[!#$%&'*+.^_`|~\w-]+$/;

/** Names of headers that were found good: a request has few, and mostly the same. */
const goodNames = new Set<string>();
const MOST_NAMES = 1_000;

function checkName(name: string): void {
  if (!TOKEN.test(name) || RESERVED.test(name)) {
    throw new TielineError('arguments_invalid', 'a header has a name that may not be sent');
  }
  if (goodNames.size < MOST_NAMES) goodNames.add(name);
}

function checkHead({ method, headers }: HttpRequest): void {
  // CONNECT asks for a tunnel and TRACE for one's own credentials.
  if (!TOKEN.test(method) || /^(?:connect|trace)$/i.test(method)) {
    throw new TielineError('arguments_invalid', 'the request has a method that may not be sent');
  }
  for (const [name, value] of Object.entries(headers)) {
    if (!goodNames.has(name)) checkName(name);
    // RFC 9110 5.5: visible characters, blanks and latin-1.
    if (!/^[\t\x20-\x7e\x80-\xff]*$/.test(value)) {
      throw new TielineError('arguments_invalid', `the header ${name} has a value that may not be sent`);
    }
  }
}
