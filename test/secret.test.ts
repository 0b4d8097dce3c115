import { inspect } from 'node:util';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Secret, scrubValues } from '../src/secret.ts';

const escapes = (text: string, which: RegExp) =>
  text.replace(which, (it) => `\\u${it.charCodeAt(0).toString(16).padStart(4, '0')}`);
const html = (text: string, which: RegExp, name: (it: string) => string) =>
  text.replace(which, (it) => `&${name(it)};`);
const NAMES: Readonly<Record<string, string>> = { '&': 'amp', '<': 'lt', '>': 'gt', '"': 'quot' };
const lower = (text: string) => text.replace(/%../g, (it) => it.toLowerCase());
const form = (value: string) => new URLSearchParams({ value }).toString();
const base32 = (bytes: Uint8Array) => {
  const bits = [...bytes].map((it) => it.toString(2).padStart(8, '0')).join('');
  const groups = bits.match(/.{1,5}/g) ?? [];
  return groups.map((it) => 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'[Number.parseInt(it.padEnd(5, '0'), 2)]).join('');
};

const encodings: readonly (readonly [string, (value: string) => string])[] = [
  ['as it is', (value) => value],
  ['in JSON', (value) => JSON.stringify({ value })],
  ['in JSON in JSON', (value) => JSON.stringify(JSON.stringify({ value }))],
  ['in JSON as PHP writes it', (value) => escapes(JSON.stringify(value), /[^ -~]/g).replaceAll('/', '\\/')],
  ['in JSON as Go writes it', (value) => escapes(JSON.stringify(value), /[<>&\u2028\u2029]/g)],
  ['by inspect', (value) => inspect({ value }, { breakLength: Number.POSITIVE_INFINITY })],
  ['as base64', (value) => Buffer.from(value).toString('base64')],
  ['as base64url', (value) => Buffer.from(value).toString('base64url')],
  ['as base64 in an address', (value) => encodeURIComponent(Buffer.from(value).toString('base64'))],
  ['as base32', (value) => base32(Buffer.from(value))],
  ['as hex', (value) => Buffer.from(value).toString('hex')],
  ['as hex in upper case', (value) => Buffer.from(value).toString('hex').toUpperCase()],
  ['as a printed buffer', (value) => inspect(Buffer.from(value)).replace(/\s+/g, ' ')],
  ['in percent', (value) => encodeURIComponent(value)],
  ['in percent, lower case', (value) => lower(encodeURIComponent(value))],
  ['in percent, twice', (value) => encodeURIComponent(encodeURIComponent(value))],
  ['in percent, lower case, twice', (value) => encodeURIComponent(lower(encodeURIComponent(value)))],
  ['in a form', form],
  ['in a form as .NET writes it', (value) => lower(form(value))],
  ['in HTML', (value) => html(value, /[&<>"']/g, (it) => NAMES[it] ?? `#${it.charCodeAt(0)}`)],
  ['in HTML by hex', (value) => html(value, /[&<>"']/g, (it) => NAMES[it] ?? `#x${it.charCodeAt(0).toString(16)}`)],
  ['in HTML as ASCII', (value) => html(value, /[&<>"'+]|[^\0-~]/gu, (it) => NAMES[it] ?? `#${it.codePointAt(0)}`)],
  [
    'quoted-printable',
    (value) => {
      const text = Buffer.from(value).toString('latin1');
      return text.replace(/[^ -<>-~]/g, (it) => `=${it.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`);
    },
  ],
];

describe('scrubValues', () => {
  const values = [
    'p@ss "word" & more',
    "it's: back\\slash",
    'line one\nline two',
    'schlüssel-für-alles',
    'a+b/c=d~e!f*g<h>`i',
    'plain-token_9876543210',
  ];

  it.each(encodings)('finds a value %s', (_, encode) => {
    for (const value of values) {
      const clean = scrubValues(`before ${encode(value)} after`, [value]);
      expect(clean).toContain('[secret]');
      expect(clean).not.toContain(encode(value));
      expect(clean).toMatch(/^before .* after$/);
    }
  });

  it.each(['base64', 'base64url', 'base32'] as const)('finds a value in a longer text that is %s', (alphabet) => {
    for (const value of values) {
      for (const before of ['', 'a', 'ab', 'ada', 'ada:', '{"token":"']) {
        const bytes = Buffer.from(`${before}${value}"}`);
        const text = alphabet === 'base32' ? base32(bytes) : bytes.toString(alphabet);
        const clean = scrubValues(text, [value]);
        expect(clean).toContain('[secret]');
        // What is left are the groups at both ends, in which others have a part.
        const rest = clean.replace('[secret]', '').length;
        expect(rest).toBeLessThanOrEqual(Math.ceil(((before.length + 2) * 8) / 5) + 4);
      }
    }
  });

  it('leaves nothing of a value that has another in it', () => {
    const some = ['short-part', 'short-part-and-its-long-tail'];
    expect(scrubValues('a short-part-and-its-long-tail b short-part c', some)).toBe('a [secret] b [secret] c');
    expect(scrubValues('the-other-way-round-long', ['the-other-way-round-long', 'way-round'])).toBe('[secret]');
  });

  it('finds each line of a key, however it is indented', () => {
    const key = '-----BEGIN KEY-----\nMIIEvQIBADANBgkq\n-----END KEY-----';
    expect(scrubValues('|   MIIEvQIBADANBgkq', [key])).toBe('|   [secret]');
  });

  it('leaves short values alone, as they would blank words, and what is no text', () => {
    expect(scrubValues('a word, undefined', ['word', 'undefined', ''])).toBe('a word, undefined');
  });

  it('finds those it is given, and knows no others', () => {
    expect(scrubValues('the-first-secret the-other-secret', ['the-first-secret'])).toBe('[secret] the-other-secret');
    expect(scrubValues('the-first-secret the-other-secret', ['the-other-secret'])).toBe('the-first-secret [secret]');
    expect(scrubValues('the-first-secret', [])).toBe('the-first-secret');
  });

  it('finds long ones, and many, as they are and in JSON', () => {
    const long = `"${'x'.repeat(100_000)}"`;
    expect(scrubValues(JSON.stringify([long, 'kept']), [long])).toBe('["[secret]","kept"]');
    const many = Array.from({ length: 10_000 }, (_, i) => `alike-alike-"${i}"-`);
    expect(scrubValues(JSON.stringify([many[7], many[9_999], 'kept']), many)).toBe('["[secret]","[secret]","kept"]');
  });

  it('never lets a value through, whatever stands around it', () => {
    // What the replacement itself is made of can come together to anything that has a bracket.
    const value = fc
      .string({ unit: 'binary', minLength: 8, maxLength: 60 })
      .filter((it) => !/[[\]]/.test(it) && !'[secret]'.includes(it) && !/\p{Cs}/u.test(it));
    fc.assert(
      fc.property(
        value,
        value,
        fc.string(),
        fc.string(),
        fc.constantFrom(...encodings),
        (one, two, before, after, [, encode]) => {
          const both = [one, two];
          const clean = scrubValues(`${before}${one}${after}${JSON.stringify([two])}${one}${two}`, both);
          expect(clean).not.toContain(one);
          expect(clean).not.toContain(two);
          expect(scrubValues(`${before} ${encode(one)}`, both)).not.toContain(encode(one));
        },
      ),
    );
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
