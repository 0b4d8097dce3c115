import { inspect } from 'node:util';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { findLeaks, formsOf } from './leaksearch.ts';

const SECRET = `p&s"w<ö>rd'+/=!*()~ ½`;
const PLAIN = 'plain-token-9876543210';
const KEY = '-----BEGIN PRIVATE KEY-----\nMIIBabcdefghijklmnop\nqrstuvwxyz0123456789==\n-----END PRIVATE KEY-----\n';

const planted = [
  { name: 'the secret', value: SECRET },
  { name: 'the token', value: PLAIN },
  { name: 'the key', value: KEY },
];
const leaksIn = (said: string | Uint8Array) => findLeaks([{ where: 'here', said }], planted).map((it) => it.secret);

const base64 = (text: string) => Buffer.from(text).toString('base64');

const TRAVELS: Readonly<Record<string, (it: string) => string | Uint8Array>> = {
  'as it is': (it) => it,
  'as bytes': (it) => Buffer.concat([Buffer.from([0, 255, 128]), Buffer.from(it), Buffer.from([200])]),
  'in a JSON text': (it) => JSON.stringify({ it }),
  'in JSON in JSON': (it) => JSON.stringify({ text: JSON.stringify([it]) }),
  'in an address': (it) => `https://desk.example/?key=${encodeURIComponent(it)}&more=1`,
  'in a redirect to an address': (it) => `/next?to=${encodeURIComponent(`/a?b=${encodeURIComponent(it)}`)}`,
  'in the query of an address': (it) => {
    const url = new URL('https://desk.example');
    url.searchParams.set('key', it);
    return url.href;
  },
  'in a form': (it) => new URLSearchParams({ a: 'b', it }).toString(),
  'in a page': (it) =>
    `<p>${it.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;').replaceAll("'", '&#39;')}</p>`,
  'in hex': (it) => Buffer.from(it).toString('hex'),
  'in a buffer that was printed': (it) =>
    inspect(Buffer.from(it), { breakLength: Number.POSITIVE_INFINITY }).replace(/\.\.\..*/, ''),
  'in base64': base64,
  'in base64url': (it) => Buffer.from(it).toString('base64url'),
  'as a password': (it) => `Basic ${base64(`ada:${it}`)}`,
  'as the password of somebody with a longer name': (it) => `Basic ${base64(`grace:${it}`)}`,
  'as a name with a password': (it) => `Basic ${base64(`${it}:password`)}`,
  'in a JSON web token': (it) => `eyJhbGciOiJub25lIn0.${Buffer.from(`{"key":"${it}"}`).toString('base64url')}.`,
};

describe('the search for secrets', () => {
  it.each(Object.entries(TRAVELS))('finds one that stands %s', (_, written) => {
    for (const { name, value } of planted.slice(0, 2)) expect(leaksIn(written(value))).toEqual([name]);
  });

  it('finds base64 wherever the secret begins in the text', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 9 }), fc.uint8Array({ maxLength: 9 }), (before, after) => {
        const bytes = Buffer.concat([before, Buffer.from(PLAIN), after]);
        for (const said of [bytes.toString('base64'), bytes.toString('base64url')]) {
          expect(leaksIn(said)).toEqual(['the token']);
        }
      }),
    );
  });

  it('finds one line of a key', () => {
    expect(leaksIn('the key begins with |   MIIBabcdefghijklmnop | and so on')).toEqual(['the key']);
  });

  it('finds each in a text with several', () => {
    expect(leaksIn(`${PLAIN}${PLAIN} ${SECRET}`).sort()).toEqual(['the secret', 'the token']);
  });

  it('tells what was found where, in which form, without the secret', () => {
    const outputs = [
      { where: 'the log', said: 'nothing' },
      { where: 'a page', said: `x ${encodeURIComponent(SECRET)}` },
    ];
    const leaks = findLeaks(outputs, planted);
    expect(leaks).toEqual([{ where: 'a page', secret: 'the secret', form: 'percent-encoded' }]);
  });

  it.each([
    ['nothing', ''],
    ['a beginning', PLAIN.slice(0, -1)],
    ['another text', 'plain-token-0000000000'],
    ['what says that it is a key', '-----BEGIN PRIVATE KEY-----'],
    ['marks in its place', `"token":"[secret]"`],
  ])('is content with %s', (_, said) => {
    expect(leaksIn(said)).toEqual([]);
  });

  it('refuses what would be found by chance', () => {
    expect(() => formsOf('word')).toThrow('4 characters');
  });
});
