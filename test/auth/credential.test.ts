import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type Credential,
  isDue,
  renewed,
  secretsOf,
  type Trouble,
  troubled,
  waitAfter,
} from '../../src/auth/credential.ts';
import { type ErrorCode, TielineError } from '../../src/errors.ts';

const MINUTE = 60_000;
const time = fc.integer({ min: 0, max: 4_000_000_000_000 });
const life = fc.integer({ min: 1, max: 400 * 24 * 60 * MINUTE });
const at = (obtainedAt: number, expiresAt?: number): Credential => ({
  version: 1,
  input: {},
  values: {},
  obtainedAt,
  ...(expiresAt !== undefined && { expiresAt }),
});

describe('isDue', () => {
  it('never holds where the expiry is unknown', () => {
    fc.assert(fc.property(time, time, (obtained, now) => !isDue(at(obtained), now)));
  });

  it('holds from expiry on', () => {
    fc.assert(
      fc.property(time, life, time, (obtained, ms, more) => isDue(at(obtained, obtained + ms), obtained + ms + more)),
    );
  });

  it('does not hold when just obtained', () => {
    fc.assert(fc.property(time, life, (obtained, ms) => !isDue(at(obtained, obtained + ms), obtained)));
  });

  it('once true stays true', () => {
    fc.assert(
      fc.property(time, fc.integer(), time, time, (obtained, ms, one, other) => {
        const credential = at(obtained, obtained + ms);
        return !isDue(credential, Math.min(one, other)) || isDue(credential, Math.max(one, other));
      }),
    );
  });

  it('begins a fifth of the life before the end, and at most five minutes', () => {
    fc.assert(
      fc.property(time, life, (obtained, ms) => {
        const begins = obtained + ms - Math.min(5 * MINUTE, ms / 5);
        const credential = at(obtained, obtained + ms);
        expect(isDue(credential, Math.ceil(begins))).toBe(true);
        expect(isDue(credential, Math.ceil(begins) - 1)).toBe(false);
      }),
    );
  });
});

describe('renewed', () => {
  const before: Credential = {
    version: 4,
    input: { tenant: 't' },
    values: { accessToken: 'a1', refreshToken: 'r1', scope: 's' },
    obtainedAt: 1,
    expiresAt: 2,
    attemptAt: 1,
    trouble: { code: 'refresh_failed', message: 'down', at: 1, until: 2, count: 3 },
    failure: { code: 'reauthorization_required', cause: 'refused', message: 'no', at: 1 },
  };

  it.each([
    [
      'keeps a refresh token that was not rotated',
      { accessToken: 'a2' },
      { accessToken: 'a2', refreshToken: 'r1', scope: 's' },
    ],
    [
      'takes one that was',
      { accessToken: 'a2', refreshToken: 'r2' },
      { accessToken: 'a2', refreshToken: 'r2', scope: 's' },
    ],
  ])('%s', (_, values, expected) => {
    const after = renewed(before, { values, expiresAt: 99 }, 50);
    expect(after).toEqual({ version: 5, input: { tenant: 't' }, values: expected, obtainedAt: 50, expiresAt: 99 });
  });

  it('forgets an expiry that the provider no longer tells', () => {
    expect(renewed(before, { values: {} }, 50)).not.toHaveProperty('expiresAt');
  });

  it.each([
    ['keeps the end of the grant', 7, undefined, 7],
    ['takes a new end of the grant', 7, 9, 9],
    ['takes a first end of the grant', undefined, 9, 9],
  ])('%s', (_, old, given, grantEndsAt) => {
    const from = { ...before, ...(old !== undefined && { grantEndsAt: old }) };
    const renewal = { values: {}, ...(given !== undefined && { grantEndsAt: given }) };
    expect(renewed(from, renewal, 50)).toMatchObject({ grantEndsAt });
  });
});

describe('troubled', () => {
  const failed = (retryAfter?: number) => new TielineError('refresh_failed', 'down', { retryAfter });
  const failures = (count: number): Trouble => ({ code: 'refresh_failed', message: '', at: 0, until: 0, count });

  const even = () => 0.5;

  it('waits for an eighth of the outage so far, from two seconds to a minute', () => {
    const asked: number[] = [];
    let trouble: Trouble | undefined;
    for (let now = 0; now < 3_600_000; now = trouble.until) {
      trouble = troubled(trouble, failed(), now, even);
      asked.push(now / 1_000);
      expect(trouble.until - now).toBeLessThanOrEqual(Math.max(2_000, Math.min(60_000, now / 8 + 1)));
    }
    expect(asked.slice(0, 4)).toEqual([0, 2, 4, 6]);
    // An outage of 40 s is over for us within 6 s, and one of an hour is asked about once a minute.
    expect(asked.filter((at) => at > 40 && at <= 46)).not.toEqual([]);
    expect(asked.length).toBeLessThan(110);
    expect(trouble).toMatchObject({ code: 'refresh_failed', message: 'down', count: asked.length, since: 0 });
  });

  it('is spread by a quarter either way', () => {
    const waits = [0, 1].map((random) => troubled(undefined, failed(), 0, () => random).until);
    expect(waits).toEqual([1_500, 2_500]);
  });

  it.each([
    [0, 1, 1],
    [0, 7, 7],
    [0, 100_000, 900],
    [3, 30, 30],
    [2_000, 1, 1],
  ])('after %i failures, asked to wait %i s, waits %i s', (count, retryAfter, seconds) => {
    const { until } = troubled(count === 0 ? undefined : failures(count), failed(retryAfter), 1_000);
    expect(until - 1_000).toBe(seconds * 1_000);
  });

  it.each([
    ['a day ahead', 86_400_000],
    ['far behind', -86_400_000],
  ])('waits no longer where the clock before was %s', (_, shift) => {
    const before = { ...failures(1), at: shift, since: shift };
    expect(troubled(before, failed(), 1_000, even).until - 1_000).toBeLessThanOrEqual(60_000);
  });

  it.each<ErrorCode>(['config_invalid', 'definition_invalid', 'target_forbidden', 'token_rejected'])(
    'does not wait where somebody has to mend something: %s',
    (code) => {
      expect(troubled(failures(4), new TielineError(code, 'mend it'), 1_000)).toEqual({
        code,
        message: 'mend it',
        at: 1_000,
        until: 1_000,
        count: 5,
        since: 0,
      });
    },
  );
});

describe('waitAfter', () => {
  const trouble: Trouble = { code: 'refresh_failed', message: '', at: 100_000, until: 110_000, count: 1 };

  it.each([
    ['nothing went wrong', undefined, 0, 0],
    ['it began just now', trouble, 100_000, 10_000],
    ['it is almost over', trouble, 109_999, 1],
    ['it is over', trouble, 110_000, 0],
    ['another machine’s clock is behind', trouble, 98_000, 10_000],
    [
      'the clock was a day ahead when it began',
      { ...trouble, at: trouble.at + 86_400_000, until: trouble.until + 86_400_000 },
      100_000,
      0,
    ],
  ])('when %s', (_, it, now, expected) => {
    expect(waitAfter(it, now)).toBe(expected);
  });
});

describe('secretsOf', () => {
  const schema = {
    type: 'object',
    properties: {
      host: { type: 'string' },
      tags: { type: 'array' },
      apiKey: { type: 'string', secret: true },
      username: { type: 'string', secret: true },
      nested: { type: 'object', secret: true },
    },
  };
  const secrets = (input: Credential['input'], values: Credential['values']) =>
    [...secretsOf({ input, values }, schema)].sort();

  it.each<[string, Credential['input'], Credential['values'], string[]]>([
    ['covers tokens', {}, { accessToken: 'a', refreshToken: 'r' }, ['a', 'r']],
    ['covers what was typed into a hidden field', { apiKey: 'k' }, {}, ['k']],
    ['covers it under another name too', { apiKey: 'k' }, { header: 'x k' }, ['k', 'x k']],
    ['shows an open field', { host: 'h' }, { host: 'h' }, []],
    ['shows an open field under another name', { host: 'h' }, { server: 'h', token: 't' }, ['t']],
    ['shows the texts of an open list, stored and read again', { tags: ['x'] }, { tags: ['x', 'y'] }, ['y']],
    ['covers what the schema does not know', { other: 'o' }, {}, ['o']],
    ['shows well-known public names', {}, { clientId: 'c', client_id: 'c', scope: 's', tokenType: 'b' }, []],
    ['covers a well-known name that the schema hides, once', { username: 'a-key' }, { username: 'a-key' }, ['a-key']],
    ['covers every text inside', { nested: { a: ['x', { b: 'y' }], n: 7, z: null } }, {}, ['x', 'y']],
  ])('%s', (_, input, values, expected) => {
    expect(secrets(input, values)).toEqual(expected);
  });

  it('gives the longest first, so that nothing is left of one that holds another', () => {
    const credential = { version: 1, input: {}, values: { a: 'token', b: 'x-token-x', c: 'token-x' }, obtainedAt: 0 };
    expect(secretsOf(credential, schema)).toEqual(['x-token-x', 'token-x', 'token']);
  });

  it('is one list for a credential that nobody can change, as long as the schema is the same', () => {
    const credential = Object.freeze({ version: 1, input: { host: 'h' }, values: { token: 't' }, obtainedAt: 0 });
    expect(secretsOf(credential, schema)).toBe(secretsOf(credential, schema));
    expect(secretsOf(credential, { type: 'object' })).toEqual(['t', 'h']);
    const open = { version: 1, input: {}, values: { token: 't' }, obtainedAt: 0 };
    const before = secretsOf(open, schema);
    open.values.token = 'other';
    expect([before, secretsOf(open, schema)]).toEqual([['t'], ['other']]);
  });
});
