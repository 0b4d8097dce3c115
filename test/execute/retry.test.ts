import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { TielineError } from '../../src/errors.ts';
import {
  type Attempt,
  type Effect,
  type RetryRules,
  retryDecision,
  type WaitRule,
  waitOf,
} from '../../src/execute/retry.ts';
import { createSender, type HttpResponse } from '../../src/network/send.ts';
import { type Faulty, startFaulty } from '../provider/faulty.ts';

const NOW = Date.parse('2026-11-21T12:00:00Z');
const FORMATS = ['seconds', 'milliseconds', 'epoch_s', 'epoch_ms', 'iso8601', 'http_date', 'duration', 'auto'] as const;

function answer(status: number, headers: Record<string, string> = {}): HttpResponse {
  return { status, headers, bytes: new Uint8Array(), url: new URL('https://provider.test/') };
}

function wait(format: WaitRule['format'], text: string): number | undefined {
  return waitOf(answer(429, { 'x-wait': text }), [{ header: 'X-Wait', format }], NOW);
}

describe('waitOf', () => {
  it.each([
    ['seconds', '7', 7_000],
    ['seconds', ' 1.5 ', 1_500],
    ['seconds', '0', 0],
    ['seconds', '-1', undefined],
    ['seconds', '7s', undefined],
    ['seconds', '', undefined],
    ['seconds', 'Infinity', undefined],
    ['seconds', '1e3', undefined],
    ['seconds', '9'.repeat(400), undefined],
    ['milliseconds', '250', 250],
    ['epoch_s', String(NOW / 1_000 + 30), 30_000],
    ['epoch_s', '1', 0],
    ['epoch_ms', String(NOW + 30), 30],
    ['iso8601', '2026-11-21T12:00:05Z', 5_000],
    ['iso8601', '2026-11-21T12:00:05.250Z', 5_250],
    ['iso8601', '2026-11-21T14:00:05+02:00', 5_000],
    ['iso8601', '2026-11-21T14:00:05+0200', 5_000],
    ['iso8601', '2026-11-21T12:01', 60_000],
    ['iso8601', '2026-11-22', 43_200_000],
    ['iso8601', '2026-11-21T11:00:00Z', 0],
    ['iso8601', '2026-13-41T12:00:00Z', undefined],
    ['iso8601', 'tomorrow', undefined],
    ['http_date', 'Sat, 21 Nov 2026 12:00:09 GMT', 9_000],
    ['http_date', 'Saturday, 21-Nov-26 12:00:09 GMT', 9_000],
    ['http_date', 'Sat Nov 21 12:00:09 2026', 9_000],
    ['http_date', 'Sun, 06 Nov 1994 08:49:37 GMT', 0],
    ['http_date', '7', undefined],
    ['http_date', 'Sat, 21 Nov 2026 12:00:09', undefined],
    ['duration', '1m30s', 90_000],
    ['duration', '6m0s', 360_000],
    ['duration', '250ms', 250],
    ['duration', '1h', 3_600_000],
    ['duration', '1d2h', 93_600_000],
    ['duration', '1.5s', 1_500],
    ['duration', '90', undefined],
    ['duration', '1m30', undefined],
    ['auto', '120', 120_000],
    ['auto', 'Sat, 21 Nov 2026 12:02:00 GMT', 120_000],
    ['auto', 'Sat Nov 21 12:02:00 2026', 120_000],
    ['auto', 'soon', undefined],
  ] as const)('%s %j is %j', (format, text, expected) => expect(wait(format, text)).toBe(expected));

  it('takes the longest of the rules that hold', () => {
    const rules: WaitRule[] = [
      { header: 'retry-after', format: 'auto' },
      { header: 'X-Reset', format: 'epoch_s', when: { header: 'X-Remaining', equals: '0' } },
      { header: 'x-absent', format: 'seconds' },
    ];
    const reset = { 'retry-after': '2', 'x-reset': String(NOW / 1_000 + 60) };
    expect(waitOf(answer(429, { ...reset, 'x-remaining': '0' }), rules, NOW)).toBe(60_000);
    expect(waitOf(answer(429, { ...reset, 'x-remaining': '10' }), rules, NOW)).toBe(2_000);
    expect(waitOf(answer(429, reset), rules, NOW)).toBe(2_000);
    expect(waitOf(answer(429), rules, NOW)).toBeUndefined();
    expect(waitOf(answer(429, reset), [], NOW)).toBeUndefined();
  });

  it('is never negative, infinite or NaN, whatever the header says', () => {
    const digits = fc.string({ unit: fc.constantFrom(...'0123456789.:-+TZ ,dhms'), maxLength: 40 });
    const dates = fc.date().map((it) => (Number.isNaN(it.getTime()) ? 'x' : it.toUTCString()));
    const text = fc.oneof(fc.string(), digits, dates, fc.integer().map(String), fc.double().map(String));
    fc.assert(
      fc.property(fc.constantFrom(...FORMATS), text, fc.integer({ min: 0, max: 4e12 }), (format, value, now) => {
        const ms = waitOf(answer(429, { 'x-wait': value }), [{ header: 'x-wait', format }], now);
        return ms === undefined || (Number.isFinite(ms) && ms >= 0);
      }),
      { numRuns: 5_000 },
    );
  });

  it('reads every number of seconds and every date it is given', () => {
    fc.assert(
      fc.property(fc.nat(10_000_000), (seconds) => {
        expect(wait('auto', String(seconds))).toBe(seconds * 1_000);
        expect(wait('auto', new Date(NOW + seconds * 1_000).toUTCString())).toBe(seconds * 1_000);
        expect(wait('iso8601', new Date(NOW + seconds * 1_000).toISOString())).toBe(seconds * 1_000);
      }),
    );
  });
});

const RULES: RetryRules = {
  attempts: 3,
  on: ['network', 429, 502, 503],
  backoff: { initialMs: 500, factor: 2, maxMs: 4_000 },
  waitFrom: [{ header: 'retry-after', format: 'auto' }],
};

function decide(outcome: Attempt['outcome'], rest: Partial<Attempt> = {}) {
  const deadlineMs = NOW + 60_000;
  return retryDecision({
    effect: 'read',
    attempt: 1,
    rules: RULES,
    outcome,
    nowMs: NOW,
    deadlineMs,
    random: () => 1,
    ...rest,
  });
}

const UNREACHABLE = { error: new TielineError('upstream_unreachable', 'x broke the connection') };

describe('retryDecision', () => {
  it.each([
    [1, 500],
    [2, 1_000],
    [3, 2_000],
    [4, 4_000],
    [9, 4_000],
  ])('after attempt %i waits at most %i ms', (attempt, waitMs) => {
    const rules = { ...RULES, attempts: 10 };
    expect(decide({ response: answer(502) }, { attempt, rules })).toEqual({ again: true, waitMs });
    expect(decide({ response: answer(502) }, { attempt, rules, random: () => 0 })).toEqual({ again: true, waitMs: 0 });
  });

  it('waits as long as it was told, never less', () => {
    const told = { response: answer(429, { 'retry-after': '3' }) };
    expect(decide(told, { random: () => 0 })).toEqual({ again: true, waitMs: 3_000 });
    expect(decide(told, { random: () => 1 })).toEqual({ again: true, waitMs: 3_000 });
    expect(decide({ response: answer(429, { 'retry-after': '0' }) })).toEqual({ again: true, waitMs: 500 });
  });

  it.each([
    ['20 s is slept', '20', NOW + 60_000, { again: true, waitMs: 20_000 }],
    ['more is handed back', '21', NOW + 60_000, { again: false, retryAfterMs: 21_000 }],
    ['so is what lies past the deadline', '5', NOW + 4_999, { again: false, retryAfterMs: 5_000 }],
    ['up to the deadline is slept', '5', NOW + 5_000, { again: true, waitMs: 5_000 }],
  ])('%s', (_, seconds, deadlineMs, expected) => {
    expect(decide({ response: answer(429, { 'retry-after': seconds }) }, { deadlineMs })).toEqual(expected);
  });

  it('ends after the last attempt, and still says when to come back', () => {
    expect(decide({ response: answer(502) }, { attempt: 3 })).toEqual({ again: false });
    const told = { response: answer(429, { 'retry-after': '3' }) };
    expect(decide(told, { attempt: 3 })).toEqual({ again: false, retryAfterMs: 3_000 });
  });

  const plain = { response: answer(503) };
  const told = { response: answer(503, { 'retry-after': '1' }) };
  it.each<[Effect, string, Attempt['outcome'], boolean]>([
    ['read', '502', { response: answer(502) }, true],
    ['idempotent', '502', { response: answer(502) }, true],
    ['create', '502', { response: answer(502) }, false],
    ['update', '502', { response: answer(502) }, false],
    ['create', '502 with a wait', { response: answer(502, { 'retry-after': '1' }) }, false],
    ['create', '503', plain, false],
    ['update', '503', plain, false],
    ['create', '503 with a wait', told, false],
    ['update', '503 with a wait', told, false],
    ['idempotent', '503 with a wait', told, true],
    ['create', '429', { response: answer(429) }, false],
    ['create', '429 with a wait', { response: answer(429, { 'retry-after': '1' }) }, true],
    ['create', '429 with an unreadable wait', { response: answer(429, { 'retry-after': 'soon' }) }, false],
    ['read', 'a broken connection', UNREACHABLE, true],
    ['idempotent', 'a broken connection', UNREACHABLE, true],
    ['create', 'a broken connection', UNREACHABLE, false],
    ['update', 'a broken connection', UNREACHABLE, false],
    ['read', 'a status that is not listed', { response: answer(500, { 'retry-after': '1' }) }, false],
    ['read', 'success', { response: answer(200, { 'retry-after': '1' }) }, false],
  ])('%s after %s: %#', (effect, _, outcome, again) => expect(decide(outcome, { effect }).again).toBe(again));

  it('repeats a write after a 503 that the definition reads as not done, and that says when', () => {
    expect(decide(told, { effect: 'create', isRefused: () => true }).again).toBe(true);
    expect(decide(plain, { effect: 'create', isRefused: () => true }).again).toBe(false);
  });

  it('repeats what ran out of time only if there is as much time again', () => {
    const late = { error: new TielineError('upstream_timeout', 'x did not begin to answer') };
    expect(decide(late, { attemptMs: 30_000 }).again).toBe(true);
    expect(decide(late, { attemptMs: 30_000, deadlineMs: NOW + 20_000 }).again).toBe(false);
    expect(decide(UNREACHABLE, { attemptMs: 30_000, deadlineMs: NOW + 20_000 }).again).toBe(true);
  });

  it.each(['target_forbidden', 'canceled', 'response_too_large', 'arguments_invalid', 'upstream_invalid'] as const)(
    'never repeats after %s',
    (code) => expect(decide({ error: new TielineError(code, 'x') })).toEqual({ again: false }),
  );

  it('never repeats after a bug, nor after the network when that is not listed', () => {
    expect(decide({ error: new TypeError('x') })).toEqual({ again: false });
    expect(decide(UNREACHABLE, { rules: { ...RULES, on: [503] } })).toEqual({ again: false });
  });

  it('does not sleep past the deadline by a fraction of a millisecond', () => {
    const outcome = { response: answer(503, {}) };
    const decision = decide(outcome, { effect: 'read', attempt: 1, deadlineMs: NOW, random: () => Number.MIN_VALUE });
    expect(decision.again).toBe(false);
  });

  it('never sleeps over 20 s, past the deadline or beyond its attempts', () => {
    const outcomes = fc
      .tuple(fc.constantFrom(200, 429, 502, 503), fc.option(fc.nat(100).map(String)))
      .map(([status, after]) => ({ response: answer(status, after === null ? {} : { 'retry-after': after }) }));
    const effects = fc.constantFrom<Effect>('read', 'idempotent', 'create', 'update');
    const left = fc.integer({ min: -1_000, max: 60_000 });
    const random = fc.double({ min: 0, max: 1, noNaN: true });
    fc.assert(
      fc.property(
        outcomes,
        effects,
        fc.integer({ min: 1, max: 5 }),
        left,
        random,
        (outcome, effect, attempt, ms, chance) => {
          const decision = decide(outcome, { effect, attempt, deadlineMs: NOW + ms, random: () => chance });
          if (!decision.again) return true;
          return decision.waitMs >= 0 && decision.waitMs <= Math.min(20_000, ms) && attempt < RULES.attempts;
        },
      ),
    );
  });
});

describe('with a real provider', () => {
  let faulty: Faulty;
  const sender = createSender({ allowPrivate: ['127.0.0.1'] });
  beforeAll(async () => {
    faulty = await startFaulty();
  });
  afterAll(async () => {
    await sender.close();
    await faulty.close();
  });

  async function outcomeOf(url: URL): Promise<Attempt['outcome']> {
    return sender.send({ method: 'POST', url, headers: {} }, { allowedHosts: new Set([url.host]) }).then(
      (response) => ({ response }),
      (error) => ({ error }),
    );
  }

  it('repeats a write that was never sent, and not one that was', async () => {
    const gone = await startFaulty();
    await gone.close();
    const effect = 'create';
    expect(decide(await outcomeOf(new URL('/', gone.origin)), { effect })).toMatchObject({ again: true });
    expect(decide(await outcomeOf(new URL('/reset', faulty.origin)), { effect })).toEqual({ again: false });
  });

  it('repeats a write the provider asks to repeat, until it succeeds', async () => {
    const url = new URL('/flaky/429?times=2&retry-after=0', faulty.origin);
    const statuses: number[] = [];
    for (let attempt = 1; ; attempt += 1) {
      const outcome = await outcomeOf(url);
      if ('response' in outcome) statuses.push(outcome.response.status);
      if (!decide(outcome, { effect: 'create', attempt }).again) break;
    }
    expect(statuses).toEqual([429, 429, 200]);
  });
});
