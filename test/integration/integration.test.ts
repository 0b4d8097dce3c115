import { describe, expect, it } from 'vitest';
import {
  checkIdentifier,
  type Integration,
  noIntegrations,
  withAdded,
  withDefault,
  withRemoved,
} from '../../src/integration/integration.ts';
import { resolveIntegration } from '../../src/integration/resolve.ts';

const account = (identifier: string, createdAt = 0): Integration => ({
  id: `id of ${identifier}`,
  connector: 'desk',
  identifier,
  option: 'oauth',
  settings: {},
  account: {},
  createdAt,
});

const all = (...items: Integration[]) => items.reduce(withAdded, noIntegrations);
const failure = (code: string) => expect.objectContaining({ code });

describe('an identifier', () => {
  it.each([
    ['work', 'work'],
    [' work\t', 'work'],
    ['Ada Lovelace <ada@example.com>', 'Ada Lovelace <ada@example.com>'],
    ['日本語', '日本語'],
    ['עברית', 'עברית'],
    ['🎉', '🎉'],
    ['❤️ 👍🏽 🇯🇵', '❤️ 👍🏽 🇯🇵'],
    ['__proto__', '__proto__'],
    ['"; DROP TABLE keyv; --', '"; DROP TABLE keyv; --'],
    ['x'.repeat(256), 'x'.repeat(256)],
    [` ${'x'.repeat(256)} `, 'x'.repeat(256)],
    ['cafe\u0301', 'caf\u00e9'],
  ])('may be %j', (text, identifier) => {
    expect(checkIdentifier(text)).toBe(identifier);
    expect(checkIdentifier(identifier)).toBe(identifier);
  });

  it.each([
    ['nothing', ''],
    ['blanks', ' \t\n\u00a0\u3000'],
    ['129 characters', 'x'.repeat(257)],
    ['a line break', 'work\nhome'],
    ['a carriage return', 'work\rhome'],
    ['a tab', 'work\thome'],
    ['a line separator', 'work\u2028home'],
    ['a paragraph separator', 'work\u2029home'],
    ['NUL', 'work\0'],
    ['escape', 'work\u001b[31m'],
    ['delete', 'work\u007f'],
    ['right-to-left override', 'work\u202ekrow'],
    ['a bidi isolate', 'wo\u2067rk'],
    ['a right-to-left mark', 'work\u200f'],
    ['a zero-width space', 'wo\u200brk'],
    ['a zero-width joiner', 'wo\u200drk'],
    ['a word joiner', 'work\u2060'],
    ['a byte order mark within', 'wo\ufeffrk'],
    ['a soft hyphen', 'wo\u00adrk'],
    ['a combining grapheme joiner', 'wo\u034frk'],
    ['a Hangul filler', 'work\u3164'],
    ['a half-width Hangul filler', 'work\uffa0'],
    ['an invisible tag letter', 'work\u{e0041}'],
    ['half a character', 'work\ud800'],
    ['a private character', 'work\ue000'],
    ['an unassigned character', 'work\uffff'],
  ])('cannot hold %s', (_, text) => {
    expect(() => checkIdentifier(text)).toThrow(failure('arguments_invalid'));
  });
});

describe('the account that serves a call', () => {
  const two = all(account('work'), account('caf\u00e9'));

  it.each([
    ['the default, when none is named', undefined, 'work'],
    ['the named one', 'caf\u00e9', 'caf\u00e9'],
    ['the named one, its accent written apart', 'cafe\u0301', 'caf\u00e9'],
  ])('is %s', (_, wanted, identifier) => {
    expect(resolveIntegration(two, 'desk', wanted).identifier).toBe(identifier);
  });

  it.each(['home', 'Work', 'work ', ' work', 'wor', 'id of work', '', '__proto__', 'constructor'])(
    'is no other one, when %j is named',
    (wanted) => expect(() => resolveIntegration(two, 'desk', wanted)).toThrow(failure('integration_unknown')),
  );

  it('tells which there are', () => {
    expect(() => resolveIntegration(two, 'desk', 'home')).toThrow(
      expect.objectContaining({ hint: 'Use one of: work, caf\u00e9' }),
    );
  });

  it('is to be connected, when there is none', () => {
    const hint = expect.stringContaining('tieline connect desk');
    expect(() => resolveIntegration(noIntegrations, 'desk')).toThrow(
      expect.objectContaining({ code: 'integration_required', hint }),
    );
    expect(() => resolveIntegration(noIntegrations, 'desk', 'work')).toThrow(
      expect.objectContaining({ code: 'integration_unknown', hint }),
    );
  });
});

describe('an account that nobody has finished connecting', () => {
  const waiting = { ...account('-new one'), pendingUntil: 9 };
  const hint = expect.stringContaining("tieline connect desk --identifier='-new one'");
  const unfinished = expect.objectContaining({ code: 'integration_required', status: 409, hint });

  it.each([undefined, '-new one'])('is to be connected first, when %j is named', (name) => {
    expect(() => resolveIntegration(all(waiting), 'desk', name)).toThrow(unfinished);
  });

  it('leaves the default to the next that is connected', () => {
    const both = all(waiting, account('work'));
    expect(resolveIntegration(both, 'desk').identifier).toBe('work');
    expect(() => resolveIntegration(both, 'desk', '-new one')).toThrow(unfinished);
    expect(withRemoved(both, 'id of work')).toEqual({ items: [waiting], default: null });
  });
});

describe('the default after its removal', () => {
  it.each([
    ['the most recently created', [1, 2, 3], 'c'],
    ['that also where it was added before others', [1, 9, 3], 'b'],
    ['of two created at one time the one added later', [1, 5, 5], 'c'],
  ])('is %s', (_, [a, b, c], expected) => {
    const three = all(account('a', a), account('b', b), account('c', c));
    const left = withRemoved(three, 'id of a');
    expect(left.default).toBe(`id of ${expected}`);
  });

  it('is the same when another one was removed, even a newer one', () => {
    const three = withDefault(all(account('a', 1), account('b', 2), account('c', 3)), 'id of b');
    expect(withRemoved(three, 'id of c').default).toBe('id of b');
    expect(withRemoved(three, 'id of a').default).toBe('id of b');
  });

  it('is none when none is left', () => {
    expect(withRemoved(all(account('a')), 'id of a')).toEqual({ items: [], default: null });
  });
});
