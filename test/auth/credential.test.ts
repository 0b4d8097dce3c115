import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Credential, isDue, renewed, secretsOf } from '../../src/auth/credential.ts';

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
    failure: { code: 'reauthorization_required', message: 'no', at: 1 },
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
    [...secretsOf({ version: 1, input, values, obtainedAt: 0 }, schema)].sort();

  it.each<[string, Credential['input'], Credential['values'], string[]]>([
    ['covers tokens', {}, { accessToken: 'a', refreshToken: 'r' }, ['a', 'r']],
    ['covers what was typed into a hidden field', { apiKey: 'k' }, {}, ['k']],
    ['covers it under another name too', { apiKey: 'k' }, { header: 'x k' }, ['k', 'x k']],
    ['shows an open field', { host: 'h' }, { host: 'h' }, []],
    ['shows an open field under another name', { host: 'h' }, { server: 'h', token: 't' }, ['t']],
    ['shows the texts of an open list, stored and read again', { tags: ['x'] }, { tags: ['x', 'y'] }, ['y']],
    ['covers what the schema does not know', { other: 'o' }, {}, ['o']],
    ['shows well-known public names', {}, { clientId: 'c', client_id: 'c', scope: 's', tokenType: 'b' }, []],
    [
      'covers a well-known name that the schema hides',
      { username: 'a-key' },
      { username: 'a-key' },
      ['a-key', 'a-key'],
    ],
    ['covers every text inside', { nested: { a: ['x', { b: 'y' }], n: 7, z: null } }, {}, ['x', 'y']],
  ])('%s', (_, input, values, expected) => {
    expect(secrets(input, values)).toEqual(expected);
  });
});
