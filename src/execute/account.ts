import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { apiClient } from '../auth/apiclient.ts';
import { type Credential, secretsOf } from '../auth/credential.ts';
import { authType, inputSchema } from '../auth/types.ts';
import type { RetryRules as RetrySpec } from '../connector/actionspec.ts';
import type { AuthOption, Connector, Server } from '../connector/connector.ts';
import type { ErrorPlan, RequestPlan } from '../connector/plan.ts';
import { formOf } from '../connector/schema.ts';
import type { Values } from '../connector/values.ts';
import { isTielineError, TielineError } from '../errors.ts';
import { Scripts } from '../expression/sandbox.ts';
import type { Scope } from '../expression/template.ts';
import {
  type HttpRequest,
  type HttpResponse,
  type Send,
  type Sender,
  type TlsMaterial,
  wasNotSent,
} from '../network/send.ts';
import { remember } from '../secret.ts';
import { type Answer, readAnswer } from './answer.ts';
import { failureOf } from './failure.ts';
import { baseUrl, buildRequest, type PageParts, withBase } from './request.ts';
import { type Effect, type RetryRules, retryDecision, waitOf } from './retry.ts';

/** Where an account's credential comes from; asks for another one than the version that was refused. */
export type CredentialSource = (rejectedVersion?: number) => Promise<Credential>;

export type AccountRequest = {
  readonly plan: RequestPlan;
  /** Roots beside those of the account: args, steps, item. */
  readonly roots: Values;
  readonly effect: Effect;
  readonly errors: readonly ErrorPlan[];
  readonly retry?: RetrySpec | undefined;
  readonly expected?: 'data' | 'file';
  readonly page?: PageParts | undefined;
};

export type Received = { readonly answer: Answer; readonly bytes: Uint8Array };

/** One account, as the requests of one call see it. */
export type Account = {
  /** Sends a request as the account. Throws what the definition and the status make of the answer. */
  request(request: AccountRequest): Promise<Received>;
  /** Reads the credential, for expressions that come before the first request. */
  ready(): Promise<void>;
  /** The roots that expressions see. */
  scope(roots?: Values): Scope;
  readonly scripts: Scripts;
  /** Texts that must not leave with an answer. */
  secrets(): readonly string[];
  dispose(): void;
};

export type AccountOptions = {
  readonly connector: Connector;
  readonly option: AuthOption;
  readonly app: Values;
  readonly settings: Values;
  readonly facts: Values;
  readonly credentials: CredentialSource;
  readonly sender: Sender;
  readonly now: () => number;
  readonly signal?: AbortSignal | undefined;
};

export function openAccount(options: AccountOptions): Account {
  const { connector, option, sender, now, signal } = options;
  const server = connector.server();
  const scripts = new Scripts({ functions: connector.functions });
  const schema = inputSchema(option);
  const secrets = new Set<string>();
  let current: Credential | undefined;
  let known: { readonly credential: Credential; readonly scope: Scope } | undefined;

  /** The account's own roots stay the same values for one credential, so that the sandbox is given them once. */
  function scopeOf(credential: Credential, roots: Values = {}): Scope {
    if (known?.credential !== credential) known = { credential, scope: accountScope(options, credential) };
    return { ...known.scope, ...roots };
  }

  async function take(rejectedVersion?: number): Promise<Credential> {
    current = await options.credentials(rejectedVersion);
    for (const secret of secretsOf(current, schema)) keep(secret);
    return current;
  }

  function keep(secret: string): void {
    secrets.add(secret);
    remember(secret);
  }

  async function attempt(request: AccountRequest, credential: Credential): Promise<HttpResponse> {
    const scope = scopeOf(credential, request.roots);
    const type = authType(option);
    const { plan, page } = request;
    const client = apiClient(option, scope, scripts);
    const built = buildRequest({ plan, server: withBase(server, client?.baseUri), scope, page, scripts });
    const send = boundSend(sender, connector, scope, scripts, signal, type.tls?.(option, scope, scripts));
    return send(built, {
      followRedirects: plan.followRedirects || undefined,
      authenticate: async (unsigned) => {
        const made = client?.apply(unsigned) ?? unsigned;
        const signed = await type.apply(option, scope, made, { now: now(), nonce, scripts });
        for (const text of addedTexts(unsigned, signed)) keep(text);
        return signed;
      },
    });
  }

  return {
    scripts,
    // Longest first, so that one that is part of another leaves nothing of that one behind.
    secrets: () => [...secrets].sort((a, b) => b.length - a.length),
    scope: (roots) => scopeOf(current ?? { version: 0, input: {}, values: {}, obtainedAt: 0 }, roots),
    dispose: () => scripts.dispose(),
    async ready() {
      if (!current) await take();
    },
    async request(request) {
      const rules = retryRules(request.retry);
      const deadline = now() + server.timeouts.total;
      let credential = await take();
      let hasRefreshed = false;
      for (let count = 1; ; count++) {
        let outcome: { response: HttpResponse; answer: Answer } | { error: unknown };
        try {
          const response = await attempt(request, credential);
          outcome = { response, answer: readAnswer(response, request.expected ?? 'data') };
        } catch (error) {
          outcome = { error };
        }
        const decision = retryDecision({
          effect: request.effect,
          attempt: count,
          rules,
          outcome,
          nowMs: now(),
          deadlineMs: deadline,
        });
        if (decision.again) {
          await pause(decision.waitMs, signal);
          continue;
        }
        if ('error' in outcome) throw lostWrite(outcome.error, request.effect);
        const { response, answer } = outcome;
        const waitMs = decision.retryAfterMs ?? waitOf(response, rules.waitFrom, now());
        const retryAfter = waitMs === undefined ? undefined : Math.ceil(waitMs / 1_000);
        const scope = scopeOf(credential, request.roots);
        const failure = failureOf(request.errors, answer, scope, { scripts, retryAfter });
        if (!failure) return { answer, bytes: response.bytes };
        if (failure.code !== 'token_rejected' || hasRefreshed) throw failure;
        // The provider may have ended a token before its time: ask for a newer one, once.
        hasRefreshed = true;
        credential = await take(credential.version).catch((error: unknown) => {
          throw isTielineError(error) && error.code === 'token_rejected' ? failure : error;
        });
      }
    },
  };
}

/** The roots of an account: what the operator set, what the user typed, what the provider gave. */
export function accountScope(
  options: Pick<AccountOptions, 'option' | 'app' | 'settings' | 'facts'>,
  credential: Credential,
): Scope {
  const { input } = credential;
  const { fields } = formOf(inputSchema(options.option));
  const secrets = Object.fromEntries(Object.entries(input).filter(([name]) => fields[name]?.secret === true));
  return {
    app: options.app,
    input,
    secrets,
    settings: options.settings,
    credentials: credential.values,
    account: options.facts,
  };
}

const nonce = (): string => randomBytes(16).toString('hex');

/** What authentication put into headers and query: as it travels a secret may have a form of its own. */
function* addedTexts(unsigned: HttpRequest, signed: HttpRequest): Generator<string> {
  const texts = ({ headers, url }: HttpRequest) => new Map([...Object.entries(headers), ...url.searchParams]);
  const before = texts(unsigned);
  for (const [name, value] of texts(signed)) {
    if (before.get(name) === value || /(?:^|-)date$/i.test(name)) continue;
    yield value.slice(value.lastIndexOf(' ') + 1);
    yield value;
  }
}

/** The sender, held to the hosts that the definition declares. Certificates are for the host of the base URL only. */
export function boundSend(
  sender: Sender,
  connector: Connector,
  scope: Scope,
  scripts: Scripts | undefined,
  signal: AbortSignal | undefined,
  shown: TlsMaterial = {},
): Send {
  const server = connector.server();
  const declared = server.allowHosts.map((it) => it.evaluate(scope, scripts)).filter((it) => typeof it === 'string');
  const home = homeOf(server, scope, scripts);
  const allowedHosts = new Set([...(home === undefined ? [] : [home]), ...declared.map(hostOf)]);
  const tls = { ...(server.tls.evaluate(scope, scripts) as TlsMaterial), ...shown };
  const { connect, read, total } = server.timeouts;
  return (request, more = {}) =>
    sender.send(request, {
      allowedHosts,
      timeouts: { connectMs: connect, headersMs: read, bodyMs: read, totalMs: total },
      maxBytes: server.maxBytes,
      signal,
      ...(request.url.host === home && { tls }),
      ...more,
    });
}

/** Undefined while the base URL hangs on a fact that the first token brings; requests to it fail on their own. */
function homeOf(server: Server, scope: Scope, scripts: Scripts | undefined): string | undefined {
  try {
    return baseUrl(server, scope, scripts).host;
  } catch (error) {
    if (isTielineError(error) && error.code === 'arguments_invalid') return undefined;
    throw error;
  }
}

/** A declared host may be written as `host`, `host:port` or an address. */
function hostOf(text: string): string {
  const address = text.includes('://') ? text : `https://${text}`;
  return URL.canParse(address) ? new URL(address).host : text;
}

function retryRules(spec: RetrySpec | undefined): RetryRules {
  const { attempts, on, backoff, waitFrom } = spec ?? DEFAULT_RETRY;
  return {
    attempts,
    on,
    backoff: { initialMs: backoff.initial, factor: backoff.factor, maxMs: backoff.max },
    waitFrom,
  };
}

const DEFAULT_RETRY: RetrySpec = {
  attempts: 3,
  on: [429, 502, 503, 504, 'network'],
  backoff: { initial: 500, factor: 2, max: 20_000 },
  waitFrom: [{ header: 'retry-after', format: 'auto' }],
};

/** A write whose answer was lost may have happened, and must not be called a failure. */
function lostWrite(error: unknown, effect: Effect): unknown {
  const isWrite = effect === 'create' || effect === 'update';
  const isLost =
    isTielineError(error) && /^(?:upstream_(?:timeout|unreachable|invalid)|response_too_large)$/.test(error.code);
  if (!isWrite || !isLost || wasNotSent(error)) return error;
  return new TielineError('outcome_unknown', `${error.message}; whether it was done is not known`, {
    hint: 'Look whether it was done before doing it again.',
    cause: error,
  });
}

async function pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
  try {
    await sleep(ms, undefined, signal && { signal });
  } catch (cause) {
    throw new TielineError('canceled', 'the call was canceled', { cause });
  }
}
