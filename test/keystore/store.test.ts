import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { storeKey } from '../../src/keystore/store.ts';

/** Any string at all: any code units, lone surrogates included, with those that join or match made likely. */
const anyString = fc.oneof(
  fc.array(fc.integer({ min: 0, max: 0xffff }), { maxLength: 300 }).map((units) => String.fromCharCode(...units)),
  fc
    .array(fc.constantFrom(':', '_', '%', '.', '\0', '\\', '"', 'u', 'd800', '\ud800', '\udc00', '\ufffd'))
    .map((it) => it.join('')),
  fc.string({ minLength: 300, maxLength: 300 }),
);
const parts = fc.array(anyString, { maxLength: 4 });

describe('storeKey', () => {
  it('gives different parts different keys', () => {
    fc.assert(
      fc.property(parts, parts, (a, b) => {
        expect(storeKey('app', ...a) === storeKey('app', ...b)).toBe(JSON.stringify(a) === JSON.stringify(b));
      }),
      { numRuns: 2_000 },
    );
  });

  it('can be read back, so no two parts share a key', () => {
    fc.assert(
      fc.property(parts, (given) => {
        const [kind, ...encoded] = storeKey('app', ...given).split('.');
        const decoded = encoded.map((part) => JSON.parse(`"${Buffer.from(part, 'base64url').toString('utf8')}"`));
        expect([kind, ...decoded]).toEqual(['app', ...given]);
      }),
      { numRuns: 2_000 },
    );
  });

  it('is plain ASCII, whatever the parts are', () => {
    fc.assert(
      fc.property(parts, (given) => {
        expect(storeKey('lease', ...given)).toMatch(/^lease(?:\.[\w-]*)*$/);
      }),
    );
  });

  it.each([
    ['where one part ends', ['u', '1:x'], ['u:1', 'x']],
    ['an empty part', ['a'], ['a', '']],
    ['no part and an empty one', [], ['']],
    ['two lone surrogates', ['\ud800'], ['\ud801']],
    ['a surrogate and its escape', ['\ud800'], ['\\ud800']],
    ['a dot', ['a.b'], ['a', 'b']],
  ])('tells apart %s', (_, a, b) => {
    expect(storeKey('app', ...a)).not.toBe(storeKey('app', ...b));
  });

  it('tells kinds apart', () => {
    expect(storeKey('lease', 'a')).not.toBe(storeKey('credential', 'a'));
  });
});
