import { inspect } from 'node:util';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { remember, Secret, scrub, scrubValues } from '../src/secret.ts';

const encodings: readonly (readonly [string, (value: string) => string])[] = [
  ['as it is', (value) => value],
  ['escaped in JSON', (value) => JSON.stringify({ value })],
  ['escaped by inspect', (value) => inspect({ value }, { breakLength: Number.POSITIVE_INFINITY })],
  ['as base64', (value) => Buffer.from(value).toString('base64')],
  ['as base64url', (value) => Buffer.from(value).toString('base64url')],
  ['percent-encoded', (value) => encodeURIComponent(value)],
  ['in a form', (value) => new URLSearchParams({ value }).toString()],
];

describe('scrub', () => {
  const values = [
    'p@ss "word" & more',
    "it's: back\\slash",
    'line one\nline two',
    'schlüssel-für-alles',
    'a+b/c=d~e!f*g',
  ];

  it.each(encodings)('finds a remembered value %s', (_, encode) => {
    for (const value of values) {
      remember(value);
      const clean = scrub(`before ${encode(value)} after`);
      expect(clean).toContain('[secret]');
      expect(clean).not.toContain(encode(value));
      expect(clean).toMatch(/^before .* after$/);
    }
  });

  it.each(['base64', 'base64url'] as const)('finds a remembered value in a longer text that is %s', (alphabet) => {
    for (const value of values) {
      remember(value);
      for (const before of ['', 'a', 'ab', 'ada:', '{"token":"']) {
        const text = Buffer.from(`${before}${value}"}`).toString(alphabet);
        expect(Buffer.from(scrub(text), alphabet).toString()).not.toContain(value.slice(2, -2));
        expect(scrub(text)).toContain('[secret]');
        expect(scrubValues(text, [value])).toBe(scrub(text));
      }
    }
  });

  it('leaves nothing of a value that has another in it', () => {
    remember('short-part');
    remember('short-part-and-its-long-tail');
    expect(scrub('a short-part-and-its-long-tail b short-part c')).toBe('a [secret] b [secret] c');
    remember('the-other-way-round-long');
    remember('way-round');
    expect(scrub('the-other-way-round-long')).toBe('[secret]');
  });

  it('leaves short values alone, as they would blank words', () => {
    remember('word');
    expect(scrub('a word')).toBe('a word');
  });

  it.each([
    ['a Google access token', 'ya29.a0AfH6SMBxVh-made_up_for-tests'],
    ['a GitHub token', 'ghp_abcdefghijklmnopqrstuvwxyz0123456789'],
    ['a fine-grained GitHub token', 'github_pat_11AAAAAAA0abcdefghijkl_mnopqrstuv'],
    ['a Slack token', 'xoxb-123456789012-abcdefghijkl'],
    ['a Stripe key', 'sk_live_abcdefghijklmnop'],
    ['a JWT', 'eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.c2lnbmF0dXJlLW1hZGUtdXA'],
  ])('knows %s by its shape', (_, token) => {
    expect(scrub(`{"x":"${token}"}`)).toBe('{"x":"[secret]"}');
  });

  it.each([
    ['Authorization: Bearer abc123def456ghi', 'Authorization: Bearer [secret]'],
    ['authorization: basic dXNlcjpwYXNzd29yZA==', 'authorization: basic [secret]'],
    ['"token gho123456789abc" was sent', '"token [secret]" was sent'],
    ['uses basic authentication, or a bearer authorization.', 'uses basic authentication, or a bearer authorization.'],
    ['the token refresh_failed_again', 'the token refresh_failed_again'],
  ])('of %j makes %j', (text, clean) => {
    expect(scrub(text)).toBe(clean);
  });

  it('never lets a remembered value through, whatever stands around it', () => {
    // What the replacement itself is made of can come together to anything that has a bracket.
    const value = fc
      .string({ unit: 'binary', minLength: 8, maxLength: 60 })
      .filter((it) => !/[[\]]/.test(it) && !'[secret]'.includes(it));
    fc.assert(
      fc.property(
        value,
        value,
        fc.string(),
        fc.string(),
        fc.constantFrom(...encodings),
        (one, two, before, after, [, encode]) => {
          remember(one);
          remember(two);
          const clean = scrub(`${before}${one}${after}${JSON.stringify([two])}${one}${two}`);
          expect(clean).not.toContain(one);
          expect(clean).not.toContain(two);
          expect(scrub(`${before} ${encode(one)}`)).not.toContain(encode(one));
        },
      ),
    );
  });

  it('knows the values used last, and ten thousand at most', () => {
    const name = (i: number) => `live-secret-number-${String(i).padStart(5, '0')}`;
    remember(name(0));
    for (let i = 1; i < 10_000; i++) remember(name(i));
    remember(name(0)); // in use, and so not the oldest
    remember(name(10_000));
    const known = Array.from({ length: 10_001 }, (_, i) => i).filter((i) => scrub(name(i)) === '[secret]');
    expect(known.length).toBeLessThanOrEqual(10_000);
    expect(known).toContain(0);
    // Some are let go at once, the oldest of them.
    expect(known.slice(1)).toEqual(Array.from({ length: known.length - 1 }, (_, i) => 10_002 - known.length + i));
    expect(known.length).toBeGreaterThan(8_000);
  });
});

describe('scrubValues', () => {
  it('replaces the values it is given, and knows no others', () => {
    remember('remembered-elsewhere');
    const text = JSON.stringify({ echo: 'given "here"', b64: btoa('given "here"'), other: 'remembered-elsewhere' });
    expect(JSON.parse(scrubValues(text, ['given "here"', 'tiny']))).toEqual({
      echo: '[secret]',
      b64: '[secret]',
      other: 'remembered-elsewhere',
    });
  });
});

describe('Secret', () => {
  it('shows its value only when asked to', () => {
    const secret = new Secret('the value itself');
    const shown = [
      `${secret}`,
      JSON.stringify({ secret }),
      inspect({ secret }),
      inspect(secret, { showHidden: true }),
      String(secret),
    ];
    for (const text of shown) {
      expect(text).toContain('[secret]');
      expect(text).not.toContain('the value');
    }
    expect(secret.reveal()).toBe('the value itself');
  });
});
