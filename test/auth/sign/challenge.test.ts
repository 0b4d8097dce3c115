import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseChallenges } from '../../../src/auth/sign/challenge.ts';

const read = (header: string) => parseChallenges(header).map((it) => [it.scheme, Object.fromEntries(it.parameters)]);

describe('parseChallenges', () => {
  it.each<[string, string, unknown]>([
    ['one', 'Basic realm="simple"', [['basic', { realm: 'simple' }]]],
    [
      'two in one line (RFC 9110 §11.6.1)',
      'Basic realm="simple", Newauth realm="apps", type=1, title="Login to \\"apps\\""',
      [
        ['basic', { realm: 'simple' }],
        ['newauth', { realm: 'apps', type: '1', title: 'Login to "apps"' }],
      ],
    ],
    [
      'schemes without parameters',
      'Negotiate, NTLM',
      [
        ['negotiate', {}],
        ['ntlm', {}],
      ],
    ],
    [
      'a token of its own',
      'Negotiate abc==, Digest nonce=x',
      [
        ['negotiate', { abc: '=' }],
        ['digest', { nonce: 'x' }],
      ],
    ],
    [
      'commas and equals signs in quotes',
      'Digest qop="auth, auth-int",nonce="a=,b"',
      [['digest', { qop: 'auth, auth-int', nonce: 'a=,b' }]],
    ],
    ['blanks around the equals sign', 'DIGEST Realm = "x" , nonce\t=\ty', [['digest', { realm: 'x', nonce: 'y' }]]],
    ['empty items', ' , Digest realm="", ,nonce=a,', [['digest', { realm: '', nonce: 'a' }]]],
    ['nothing', '', []],
    ['parameters of no scheme', 'realm="x"', []],
    ['a quote that does not end', 'Digest nonce=a, realm="x', [['digest', { nonce: 'a' }]]],
  ])('%s', (_, header, challenges) => {
    expect(read(header)).toEqual(challenges);
  });

  it('reads back whatever is quoted', () => {
    const value = fc.string().filter((it) => it.length < 1_000);
    fc.assert(
      fc.property(value, value, (realm, nonce) => {
        const quote = (text: string) => `"${text.replace(/["\\]/g, '\\$&')}"`;
        const header = `Basic realm=${quote(nonce)}, Digest realm=${quote(realm)}, nonce=${quote(nonce)}`;
        expect(read(header)).toEqual([
          ['basic', { realm: nonce }],
          ['digest', { realm, nonce }],
        ]);
      }),
    );
  });

  it.each([
    ['quotes', '"'.repeat(200_000)],
    ['backslashes', `Digest realm="${'\\'.repeat(200_000)}`],
    ['commas and blanks', ', '.repeat(100_000)],
    ['a scheme without end', 'a'.repeat(200_000)],
    ['blanks', `Digest${' '.repeat(200_000)}`],
  ])('is not stopped by %s', (_, header) => {
    expect(parseChallenges(header).length).toBeLessThan(5_000);
  });
});
