import { isTielineError } from '../errors.ts';
import { type HttpResponse, wasNotSent } from '../network/send.ts';

/**
 * A header in which a provider says when to come back. `auto` is Retry-After: seconds or an HTTP date (RFC 9110 10.2.3).
 * `duration` is `1m30s`, `6m0s` or `250ms`. With `when` the rule holds only if that other header has that value.
 */
export type WaitRule = {
  header: string;
  format: 'seconds' | 'milliseconds' | 'epoch_s' | 'epoch_ms' | 'iso8601' | 'http_date' | 'duration' | 'auto';
  when?: { header: string; equals: string } | undefined;
};

export type RetryRules = {
  /** The most times a request is made, the first included. */
  attempts: number;
  /** Statuses, and `network` for a provider that cannot be reached or does not answer in time. */
  on: readonly (number | 'network')[];
  backoff: { initialMs: number; factor: number; maxMs: number };
  waitFrom: readonly WaitRule[];
};

/** What making a request twice does: nothing, the same as once, a second thing, or another change. */
export type Effect = 'read' | 'idempotent' | 'create' | 'update';

export type Attempt = {
  effect: Effect;
  /** How many times the request has been made. */
  attempt: number;
  rules: RetryRules;
  outcome: { response: HttpResponse } | { error: unknown };
  nowMs: number;
  deadlineMs: number;
  /** How long an attempt may take, in milliseconds. Default 0. */
  attemptMs?: number;
  /** Whether the definition reads the answer as one that did nothing: as `rate_limited`. Default: no. */
  isRefused?: () => boolean;
  /** From 0 to 1. Default: Math.random. */
  random?: () => number;
};

/** `retryAfterMs`: when the caller may try again himself, if that can help. */
export type RetryDecision = { again: true; waitMs: number } | { again: false; retryAfterMs?: number };

/** The longest that a call waits for a provider, in milliseconds. */
export const LONGEST_SLEEP_MS = 20_000;

/** Whether to make the request again, and after how long. A write is repeated only if it certainly did not happen. */
export function retryDecision(input: Attempt): RetryDecision {
  const { effect, attempt, rules, outcome, nowMs, deadlineMs, attemptMs = 0, random = Math.random } = input;
  if (!isListed(outcome, rules)) return { again: false };
  // It has begun to work, and may still: a second try that cannot get the same time only adds to its load.
  if (isLate(outcome) && deadlineMs - nowMs < attemptMs) return { again: false };
  const declaredMs = 'response' in outcome ? waitOf(outcome.response, rules.waitFrom, nowMs) : undefined;
  const isRepeatable = isSafe(effect) || didNotHappen(outcome, declaredMs, input.isRefused);
  if (!isRepeatable || attempt >= rules.attempts) return stop(declaredMs);
  const { initialMs, factor, maxMs } = rules.backoff;
  const jitterMs = Math.min(maxMs, initialMs * factor ** (attempt - 1)) * random();
  const waitMs = Math.max(declaredMs ?? 0, jitterMs);
  // Not nowMs + waitMs: a fraction of a millisecond is lost in a sum with an epoch time.
  if (waitMs > Math.min(LONGEST_SLEEP_MS, deadlineMs - nowMs)) return stop(waitMs);
  return { again: true, waitMs };
}

/** The longest wait in milliseconds that the declared headers ask for; undefined if none can be read. */
export function waitOf(response: HttpResponse, rules: readonly WaitRule[], nowMs: number): number | undefined {
  const waits = rules.flatMap(({ header, format, when }) => {
    const text = response.headers[header.toLowerCase()]?.trim();
    if (text === undefined) return [];
    if (when && response.headers[when.header.toLowerCase()]?.trim() !== when.equals) return [];
    const wait = READ[format](text, nowMs);
    return Number.isFinite(wait) ? [Math.max(0, wait)] : [];
  });
  return waits.length === 0 ? undefined : Math.max(...waits);
}

function stop(retryAfterMs: number | undefined): RetryDecision {
  return retryAfterMs === undefined ? { again: false } : { again: false, retryAfterMs };
}

function isListed(outcome: Attempt['outcome'], { on }: RetryRules): boolean {
  if ('response' in outcome) return on.includes(outcome.response.status);
  const { error } = outcome;
  const isNetwork = isTielineError(error) && /^upstream_(?:unreachable|timeout)$/.test(error.code);
  return isNetwork && on.includes('network');
}

function isLate(outcome: Attempt['outcome']): boolean {
  if (!('error' in outcome) || wasNotSent(outcome.error)) return false;
  return isTielineError(outcome.error) && outcome.error.code === 'upstream_timeout';
}

/** Whether a request may be made twice, whatever became of the first. */
export const isSafe = (effect: Effect): boolean => effect === 'read' || effect === 'idempotent';

/**
 * A 429 was counted and not done (RFC 6585 §4). A 503 comes from whatever stood in the way, before or after the write
 * (RFC 9110 §15.6.4), and a Retry-After in it says when the server is back, not what it did.
 */
function didNotHappen(outcome: Attempt['outcome'], declaredMs: number | undefined, isRefused = () => false): boolean {
  if ('error' in outcome) return wasNotSent(outcome.error);
  return declaredMs !== undefined && (outcome.response.status === 429 || isRefused());
}

/** Each gives milliseconds from now, NaN for text it cannot read. */
const READ: Readonly<Record<WaitRule['format'], (text: string, nowMs: number) => number>> = {
  seconds: (text) => decimal(text) * 1_000,
  milliseconds: decimal,
  epoch_s: (text, nowMs) => decimal(text) * 1_000 - nowMs,
  epoch_ms: (text, nowMs) => decimal(text) - nowMs,
  iso8601: (text, nowMs) => isoDate(text) - nowMs,
  http_date: (text, nowMs) => httpDate(text) - nowMs,
  duration,
  auto: (text, nowMs) => (Number.isNaN(decimal(text)) ? httpDate(text) - nowMs : decimal(text) * 1_000),
};

function decimal(text: string): number {
  return /^\d+(?:\.\d+)?$/.test(text) ? Number(text) : Number.NaN;
}

/** A time without an offset is UTC, not this machine's time. */
function isoDate(text: string): number {
  const match = /^(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d(?::\d\d(?:\.\d+)?)?)(Z|[+-]\d\d:?\d\d)?)?$/i.exec(text);
  if (!match) return Number.NaN;
  const [, day, time = '00:00', offset = 'Z'] = match;
  return Date.parse(`${day}T${time}${offset.toUpperCase().replace(/^([+-]\d\d)(\d\d)$/, '$1:$2')}`);
}

/** The three forms of RFC 9110 5.6.7, of which the last (asctime) leaves its GMT out. */
function httpDate(text: string): number {
  if (/^[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT$/.test(text)) return Date.parse(text);
  if (/^[A-Z][a-z]{5,8}, \d\d-[A-Z][a-z]{2}-\d\d \d\d:\d\d:\d\d GMT$/.test(text)) return Date.parse(text);
  if (/^[A-Z][a-z]{2} [A-Z][a-z]{2} [\d ]\d \d\d:\d\d:\d\d \d{4}$/.test(text)) return Date.parse(`${text} GMT`);
  return Number.NaN;
}

const UNIT_MS: Readonly<Record<string, number>> = { d: 86_400_000, h: 3_600_000, m: 60_000, s: 1_000, ms: 1 };

const LONGEST_DURATION = 100;

function duration(text: string): number {
  if (text.length > LONGEST_DURATION || !/^(?:\d+(?:\.\d+)?(?:ms|[dhms]))+$/.test(text)) return Number.NaN;
  const parts = text.matchAll(/(\d+(?:\.\d+)?)(ms|[dhms])/g);
  return [...parts].reduce((sum, [, amount, unit = '']) => sum + Number(amount) * (UNIT_MS[unit] ?? Number.NaN), 0);
}
