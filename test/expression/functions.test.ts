import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readDate } from '../../src/expression/date.ts';
import { helperFunctions } from '../../src/expression/functions.ts';
import { stripHtml } from '../../src/expression/html.ts';
import { loadSandbox, Scripts } from '../../src/expression/sandbox.ts';

const scripts = new Scripts();
beforeAll(loadSandbox);
afterAll(() => scripts.dispose());

describe('helper functions', () => {
  it.each(Object.entries(helperFunctions))('%s does what its example says', (name, { signature, example, result }) => {
    expect(signature.startsWith(`${name}(`)).toBe(true);
    expect(example).toContain(`${name}(`);
    expect(scripts.evaluate(example, {})).toEqual(result);
  });

  it.each<[string, unknown]>([
    ['uuid() === uuid()', false],
    ['/^[0-9a-f-]{36}$/.test(uuid())', true],
    ['random(32) === random(32)', false],
    ['base64(12)', 'MTI='],
    ['fromBase64(base64("é€😀\\u0000"))', 'é€😀\0'],
    ['sha256("", "base64")', '47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU='],
    ['hmac("sha1", "key", "text", "base64url").length', 27],
    // RFC 2202 test case 2 and RFC 4231 test case 2
    ['hmac("md5", "Jefe", "what do ya want for nothing?")', '750c783e6ab0b503eaa86e310a5db738'],
    ['hmac("sha1", "Jefe", "what do ya want for nothing?")', 'effcdf6ae5eb2fa2d27416d5f184df9c259a7c79'],
    ['hmac("sha512", "Jefe", "what do ya want for nothing?").slice(0, 16)', '164b7a7bfcf819e2'],
    ['isoDate("chapter 7")', undefined],
    ['isoDate(null)', undefined],
    ['isoDate()', undefined],
    ['epoch("nonsense")', undefined],
    ['pick(null, "a")', undefined],
    ['omit(undefined, "a")', undefined],
    ['pick({ a: 1 }, "toString", "a")', { a: 1 }],
    ['args.list.map(base64)', ['YQ==', 'Yg==']],
  ])('%s', (expression, value) => {
    expect(scripts.evaluate(expression, { args: { list: ['a', 'b'] } })).toEqual(value);
  });

  it.each([
    ['base64(undefined)', 'expected text, got nothing'],
    ['base64({})', 'expected text, got an object'],
    ['base64([])', 'expected text, got an array'],
    ['hmac("sha999", "k", "t")', 'expected md5, sha1, sha256, sha512'],
    ['sha256("t", "latin1")', 'expected hex, base64, base64url'],
    ['random(0)', 'random() gives 1 to 1024 bytes'],
    ['random(1e9)', 'random() gives 1 to 1024 bytes'],
    ['pick("text", "a")', 'expected an object'],
    ['urlencode("\\ud800")', 'URI malformed'],
  ])('%s fails', (expression, message) => {
    expect(() => scripts.evaluate(expression, {})).toThrow(
      expect.objectContaining({ code: 'expression_failed', message: `${message} in {{ ${expression} }}` }),
    );
  });
});

describe('readDate', () => {
  it.each<[unknown, string]>([
    [0, '1970-01-01T00:00:00.000Z'],
    [1700000000, '2023-11-14T22:13:20.000Z'],
    [1700000000123, '2023-11-14T22:13:20.123Z'],
    ['1700000000.5', '2023-11-14T22:13:20.500Z'],
    ['2023-11-14', '2023-11-14T00:00:00.000Z'],
    ['2023-11-14T22:13:20', '2023-11-14T22:13:20.000Z'],
    ['2023-11-14 22:13', '2023-11-14T22:13:00.000Z'],
    ['2023-11-14 22:13:20 +0100', '2023-11-14T21:13:20.000Z'],
    ['2023-11-14T22:13:20.123456789Z', '2023-11-14T22:13:20.123Z'],
    ['2023-11-14T22:13:20,5+02:00', '2023-11-14T20:13:20.500Z'],
    ['Tue, 14 Nov 2023 22:13:20 GMT', '2023-11-14T22:13:20.000Z'],
    ['14 Nov 2023 22:13:20 -0800 (PST)', '2023-11-15T06:13:20.000Z'],
  ])('%j', (value, iso) => {
    expect(readDate(value)?.toISOString()).toBe(iso);
  });

  it.each([
    '',
    'today',
    'May 1',
    '2023-13-01',
    '2023-11-14T99:00',
    '1/2/2023',
    true,
    {},
    [],
    null,
    undefined,
    Number.NaN,
    1e30,
  ])('%j is none', (value) => {
    expect(readDate(value)).toBeUndefined();
  });
});

describe('stripHtml', () => {
  it.each([
    ['plain', 'plain'],
    ['a < b && c > d', 'a < b && c > d'],
    ['<b>bold</b> and <i class="x">more</i>', 'bold and more'],
    ['one<br>two<br/>three', 'one\ntwo\nthree'],
    ['<ul><li>a</li><li>b</li></ul>', 'a\nb'],
    ['<style>p { }</style><SCRIPT>x < 1</SCRIPT ><p>seen</p>', 'seen'],
    ['<!-- hidden <p> -->seen<!-- open', 'seen'],
    ['<!doctype html><html><head><title>t</title></head><body>x</body></html>', 'x'],
    ['&lt;b&gt; &amp;amp; &#65;&#x42;&nbsp;&unknown; &#0; &#xD800;', '<b> &amp; AB &unknown; &#0; &#xD800;'],
    ['<p>open <b', 'open'],
    ['<script>never closed', ''],
  ])('%j', (html, text) => {
    expect(stripHtml(html)).toBe(text);
  });

  it.each(['<', '<!--', '<script>', '<a ', '</script', '&#', '&', '<p', '<script></script ', ' \n'])(
    'is done soon with a million times %j',
    (piece) => {
      expect(stripHtml(piece.repeat(1_000_000)).length).toBeLessThanOrEqual(2_000_000);
    },
  );

  it('leaves no tag of letters behind', () => {
    const pieces = fc.array(
      fc.constantFrom('<p>', '</p>', '<b x="1">', '<!--', '-->', 'text', '&', ' ', '<script>', '</script>'),
    );
    fc.assert(
      fc.property(pieces, (html) => {
        expect(stripHtml(html.join(''))).not.toMatch(/<[a-z]+>/);
      }),
    );
  });
});
