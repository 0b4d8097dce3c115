import { setTimeout as sleep } from 'node:timers/promises';
import type { Credential } from '../auth/credential.ts';
import type { Ask, Challenge, VouchedUser } from '../auth/type.ts';
import type { RetryRules as RetrySpec } from '../connector/actionspec.ts';
import type { Connector } from '../connector/connector.ts';
import type { ErrorPlan, RequestPlan } from '../connector/plan.ts';
import { LONGEST_CALL_MS } from '../deadline.ts';
import { type ErrorCode, isTielineError, TielineError } from '../errors.ts';
import type { Scripts } from '../expression/sandbox.ts';
import type { Scope } from '../expression/template.ts';
import type { LinkedReach } from '../integration/integration.ts';
import { type HttpRequest, type HttpResponse, type Sender, wasNotSent } from '../network/send.ts';
import { Secrets } from '../secrets.ts';
import { type Answer, readAnswer } from './answer.ts';
import { type Authenticator, openAuthenticator, type Prepared } from './authenticator.ts';
import { sendChallenged } from './challenge.ts';
import { failureOf, LOOK_FIRST } from './failure.ts';
import { boundSend, checkUnencrypted, delegatedReach, sendWithin } from './reach.ts';
import { redactedResponse, withoutSecrets } from './redaction.ts';
import { askOf } from './renew.ts';
import { buildRequest, type PageParts, type RequestKey, withBase } from './request.ts';
import { type Effect, isSafe, LONGEST_SLEEP_MS, type RetryRules, retryDecision, waitOf } from './retry.ts';
import type { AccountParts, Roots } from './scope.ts';
import { type StreamEvent, streamOf, watch } from './stream.ts';
import { keepWait, spread, waitLeft } from './waits.ts';

/** Where an account's credential comes from; asks for another one than the version that was refused. */
export type CredentialSource = (rejectedVersion?: number) => Promise<Credential>;

export type AccountRequest = {
  readonly plan: RequestPlan;
  /** Roots beside those of the account: args, steps, item. */
  readonly roots: Roots;
  readonly effect: Effect;
  readonly errors: readonly ErrorPlan[];
  readonly retry?: RetrySpec | undefined;
  readonly expected?: 'data' | 'file';
  readonly page?: PageParts | undefined;
  /** By which the provider knows it when it comes again, so that it may. */
  readonly key?: RequestKey | undefined;
  /** Told how many events of a stream have come, with each of them. */
  readonly onEvent?: ((count: number) => void) | undefined;
  /** Every answer but a refusal of the credential is one. */
  readonly anyStatus?: boolean | undefined;
};

type Attempt = { readonly response: HttpResponse; readonly answer: Answer };

export type Received = { readonly answer: Answer; readonly bytes: Uint8Array };

/** One account, as the requests of one call see it. */
export type Account = {
  /** Sends a request as the account. Throws what the definition and the status make of the answer. */
  request(request: AccountRequest): Promise<Received>;
  /** Sends a request to a declared host without the credential. Any status is an answer. */
  readonly ask: Ask;
  /** Reads the credential, for expressions that come before the first request. */
  ready(): Promise<void>;
  /** The roots that expressions see. */
  scope(roots?: Roots): Scope;
  readonly scripts: Scripts;
  /** Texts that must not leave with an answer or an error. */
  readonly secrets: Secrets;
  /** Where it was linked; undefined while it is being linked. */
  readonly linked: LinkedReach | undefined;
  /** Whether anything may have been changed at the provider so far. */
  readonly mayHaveActed: () => boolean;
  /** To be told that something was, by whoever did not do it with a request. */
  acted(): void;
  dispose(): void;
};

export type AccountOptions = AccountParts & {
  readonly connector: Connector;
  /** Id of the integration, once it is one: what its provider says of waiting holds for all its calls. */
  readonly id?: string | undefined;
  readonly credentials: CredentialSource;
  /** The account that authenticates the requests in place of this one, whose credential is given. */
  readonly delegate?: ((own: Credential) => Promise<AccountOptions>) | undefined;
  readonly user?: VouchedUser | undefined;
  readonly sender: Sender;
  readonly now: () => number;
  readonly signal?: AbortSignal | undefined;
  /** When all its requests have ended, on the clock of `performance.now`. Default: the longest call from now. */
  readonly endsAt?: number | undefined;
};

export function openAccount(options: AccountOptions): Account {
  const { connector, id, sender, now, signal, endsAt = performance.now() + LONGEST_CALL_MS } = options;
  const server = connector.server();
  const secrets = new Secrets();
  let hasActed = false;
  const own = openAuthenticator(options, secrets);
  const { scripts } = own;
  let delegate: Promise<Authenticator> | undefined;

  /** What authenticates the requests in place of this account. */
  async function delegated(open: NonNullable<AccountOptions['delegate']>): Promise<Authenticator> {
    delegate ??= (async () => openAuthenticator(await open(own.current() ?? (await own.take())), secrets))();
    return delegate;
  }

  /** What this account's own expressions see while a credential is in use. */
  const ownCredential = (by: Authenticator, used: Credential): Credential =>
    by === own ? used : (own.current() ?? NO_CREDENTIAL);

  async function attempt(request: AccountRequest, by: Authenticator, credential: Credential): Promise<Attempt> {
    const { plan, page, key, roots, expected = 'data', onEvent } = request;
    const shown = ownCredential(by, credential);
    const mine = own.using(shown, roots);
    const built = buildRequest({
      plan,
      server: withBase(server, mine.client?.baseUri),
      scope: mine.scope,
      page,
      key,
      scripts,
    });
    const visible = by === own ? undefined : (it: StreamEvent) => withoutSecrets(it, secrets.texts);
    const onCount = onEvent && ((_: StreamEvent, count: number) => onEvent(count));
    const stream = plan.stream && streamOf(plan.stream, mine.scope, scripts, onCount, visible);
    const more = { followRedirects: plan.followRedirects || undefined, ...(stream && { onData: watch(stream) }) };
    if (by === own) {
      const send = sendWithin(sender, mine.reach, server, signal, endsAt);
      const response = await answering(mine, built.url, (next) =>
        send(built, { ...more, authenticate: (it) => mine.authenticate(it, next()) }),
      );
      return { response, answer: readAnswer(response, expected, stream) };
    }
    const other = by.using(credential);
    const reach = delegatedReach(mine.reach, other.reach);
    checkUnencrypted(built.url, reach);
    const send = sendWithin(sender, reach, server, signal, endsAt);
    const given = await answering(other, built.url, (next) => {
      const authenticate = async (it: HttpRequest) => other.authenticate(await mine.authenticate(it), next());
      return send(built, { ...more, authenticate });
    });
    const response = redactedResponse(given, secrets.texts);
    return { response, answer: readAnswer(response, expected, stream) };
  }

  /** Tells `onDoubt` when it sends again what may have been done the first time. */
  async function perform(request: AccountRequest, onDoubt?: () => void): Promise<Received> {
    const rules = retryRules(request.retry);
    let isDoubtful = false;
    const { read, total } = server.timeouts;
    const deadline = now() + Math.min(total, endsAt - performance.now());
    const isWrite = !isSafe(request.effect);
    const isChange = request.effect !== 'read';
    const by = options.delegate ? await delegated(options.delegate) : own;
    let credential = await by.take();
    let waited = 0;
    const failureIn = ({ answer }: Attempt, retryAfter?: number) => {
      const scope = own.scopeOf(ownCredential(by, credential), request.roots);
      return failureOf(request.errors, answer, scope, { scripts, retryAfter, isWrite, scrub: secrets.scrub });
    };
    let refreshes = 0;
    for (let count = 1; ; count++) {
      if (id !== undefined && waitLeft(id) > 0) waited += await awaitProvider(id, waited, deadline - now(), signal);
      let outcome: Attempt | { error: unknown };
      try {
        outcome = await attempt(request, by, credential);
      } catch (error) {
        outcome = { error };
      }
      if (isChange && 'error' in outcome && isLost(outcome.error)) hasActed = true;
      const decision = retryDecision({
        effect: request.key ? 'idempotent' : request.effect,
        attempt: count,
        rules: request.key && isDoubtful ? { ...rules, on: [...rules.on, UNDER_WAY] } : rules,
        outcome,
        nowMs: now(),
        deadlineMs: deadline,
        attemptMs: read,
        isRefused: () => !('error' in outcome) && failureIn(outcome)?.code === 'rate_limited',
      });
      const told = 'error' in outcome || !PAUSING.includes(outcome.response.status) ? undefined : outcome.response;
      const toldMs = told && waitOf(told, rules.waitFrom, now());
      if (id !== undefined && toldMs !== undefined) keepWait(id, toldMs);
      if (decision.again) {
        isDoubtful ||= 'error' in outcome ? isLost(outcome.error) : outcome.response.status !== 429;
        if (isDoubtful) onDoubt?.();
        // What all calls of the account wait for, they wait for together.
        if (id === undefined || waitLeft(id) === 0) await pause(decision.waitMs, signal);
        continue;
      }
      if ('error' in outcome) throw lostWrite(outcome.error, request.effect);
      const { response, answer } = outcome;
      if (answer.status < 300 && request.errors.length === 0) {
        hasActed ||= isChange;
        return { answer, bytes: response.bytes };
      }
      const waitMs = decision.retryAfterMs ?? waitOf(response, rules.waitFrom, now());
      const failure = failureIn(outcome, waitMs === undefined ? undefined : secondsOf(waitMs));
      if (id !== undefined && failure?.code === 'rate_limited' && waitMs !== undefined) keepWait(id, waitMs);
      hasActed ||= isChange && !(failure && REFUSED.has(failure.code));
      const isAnswer = !failure || (request.anyStatus && failure.code !== 'token_rejected');
      if (isAnswer) return { answer, bytes: response.bytes };
      if (failure.code !== 'token_rejected') throw failure;
      // The provider may have ended a token before its time: ask for a newer one, once; and once more where that one
      // ran out while the provider took its time.
      const hasRunOut = credential.expiresAt !== undefined && credential.expiresAt <= now();
      if (refreshes === 2 || (refreshes === 1 && !hasRunOut)) throw hasRunOut ? ranOut(failure) : failure;
      refreshes += 1;
      credential = await by.take(credential.version).catch((error: unknown) => {
        throw isTielineError(error) && error.code === 'token_rejected' ? failure : error;
      });
    }
  }

  /** Of what was sent again only an answer tells whether it was done: the first may have been, whatever became of the last. */
  async function keyed(request: AccountRequest): Promise<Received> {
    let mayBeDone = false;
    try {
      return await perform(request, () => {
        mayBeDone = hasActed = true;
      });
    } catch (error) {
      throw mayBeDone && isTielineError(error) && error.code !== 'outcome_unknown' ? unknownOutcome(error) : error;
    }
  }

  return {
    scripts,
    linked: options.linked,
    secrets,
    mayHaveActed: () => hasActed,
    acted() {
      hasActed = true;
    },
    scope: (roots) => own.scopeOf(own.current() ?? NO_CREDENTIAL, roots),
    dispose() {
      own.dispose();
      void delegate?.then(
        (it) => it.dispose(),
        () => undefined,
      );
    },
    ask: (plan, scope, more) =>
      askOf(
        connector,
        boundSend(sender, { connector, scope, linked: options.linked }, scripts, signal, endsAt),
        scripts,
      )(plan, scope, more),
    async ready() {
      if (!own.current()) await own.take();
    },
    request: (request) => (request.key ? keyed(request) : perform(request)),
  };
}

/** Sends, and answers what the server asks where the account can. */
function answering(
  { challenges }: Prepared,
  { origin }: URL,
  send: (next: () => Challenge | undefined) => Promise<HttpResponse>,
): Promise<HttpResponse> {
  return challenges ? sendChallenged({ ...challenges, origin, send }) : send(() => undefined);
}

/** Nothing is wrong with the account: its tokens are too short-lived for so slow an answer. */
const ranOut = (cause: TielineError): TielineError =>
  new TielineError('token_rejected', `${cause.message}; it ran out before the provider answered`, {
    hint: 'Try again: the provider answers more slowly than its own tokens last.',
    retryAfter: 1,
    cause,
  });

const NO_CREDENTIAL: Credential = { version: 0, input: {}, values: {}, obtainedAt: 0 };

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

/** What a provider answers to a request that comes again while it still does the first. */
const UNDER_WAY = 409;

/** Statuses with which a provider asks all requests of an account to wait. */
const PAUSING: readonly number[] = [429, 503];

const secondsOf = (ms: number): number => Math.ceil(ms / 1_000);

/**
 * Waits until the provider of an account wants to be asked again, in milliseconds. Throws `rate_limited` at once where
 * that is later than the call may wait.
 */
async function awaitProvider(id: string, waited: number, leftMs: number, signal?: AbortSignal): Promise<number> {
  let total = 0;
  for (let ms = waitLeft(id); ms > 0; ms = waitLeft(id)) {
    if (waited + total + ms > LONGEST_SLEEP_MS || total + ms > leftMs) {
      const message = 'the provider asks this account to wait, as it answered a call before';
      throw new TielineError('rate_limited', message, { hint: 'Wait, then try again.', retryAfter: secondsOf(ms) });
    }
    const sleepMs = ms + spread(ms);
    await pause(sleepMs, signal);
    total += sleepMs;
  }
  return total;
}

/** Refusals of providers that come before anything is done: of the account, or of so many requests. */
const REFUSED: ReadonlySet<ErrorCode> = new Set([
  'token_rejected',
  'reauthorization_required',
  'missing_scope',
  'forbidden',
  'rate_limited',
]);

/** Whether the provider may have got the request, and its answer did not arrive or was given up. */
function isLost(error: unknown): error is TielineError {
  const isOfNetwork =
    isTielineError(error) &&
    /^(?:upstream_(?:timeout|unreachable|invalid)|response_too_large|too_many_requests|canceled)$/.test(error.code);
  return isOfNetwork && !wasNotSent(error);
}

/** A write whose answer was lost may have happened, and must not be called a failure. */
function lostWrite(error: unknown, effect: Effect): unknown {
  if (isSafe(effect) || !isLost(error)) return error;
  return unknownOutcome(error);
}

const unknownOutcome = (cause: TielineError): TielineError =>
  new TielineError('outcome_unknown', `${cause.message}; whether it was done is not known`, {
    hint: LOOK_FIRST,
    cause,
  });

async function pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
  try {
    await sleep(ms, undefined, signal && { signal });
  } catch (cause) {
    throw new TielineError('canceled', 'the call was canceled', { cause });
  }
}
