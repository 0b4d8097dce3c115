import { describe, expect, it } from 'vitest';
import { signDigest } from '../../../src/auth/sign/digest.ts';
import type { HttpRequest } from '../../../src/network/send.ts';

const get = (url: string): HttpRequest => ({ method: 'GET', url: new URL(url), headers: { accept: '*/*' } });

const mufasa = { username: 'Mufasa', password: 'Circle of Life' };
const request = get('http://www.example.org/dir/index.html');
const clock = { cnonce: 'f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ' };

const challenge = (algorithm: string): string =>
  `Digest realm="http-auth@example.org", qop="auth, auth-int", algorithm=${algorithm}, nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"`;
const answer = (algorithm: string, response: string): string =>
  `Digest username="Mufasa", realm="http-auth@example.org", uri="/dir/index.html", algorithm=${algorithm}, nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", nc=00000001, cnonce="f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ", qop=auth, response="${response}", opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"`;

const MD5 = '8ca523f5e9506fed4657c9700eebdbec';
const SHA256 = '753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1';

describe('RFC 7616 §3.9.1', () => {
  it.each([
    ['MD5', challenge('MD5'), answer('MD5', MD5)],
    ['SHA-256', challenge('SHA-256'), answer('SHA-256', SHA256)],
    ['the first of both', `${challenge('SHA-256')}, ${challenge('MD5')}`, answer('SHA-256', SHA256)],
    ['the first that is known', `Basic realm="x", ${challenge('SHA-9')}, ${challenge('MD5')}`, answer('MD5', MD5)],
  ])('%s', (_, header, expected) => {
    const signed = signDigest(request, { ...mufasa, challenge: header }, clock);
    expect(signed.headers).toEqual({ accept: '*/*', authorization: expected });
  });
});

describe('RFC 7616 §3.9.2, with the values of erratum 4897', () => {
  const jason = { username: 'Jäsøn Doe', password: 'Secret, or not?' };
  const header =
    'Digest realm="api@example.org", qop="auth", algorithm=SHA-512-256, nonce="5TsQWLVdgBdmrQ0XsxbDODV+57QdFR34I9HAbC/RVvkK", opaque="HRPCssKJSGjCrkzDg8OhwpzCiGPChXYjwrI2QmXDnsOS", charset=UTF-8';
  const cnonce = 'NTg6RKcb9boFIAS3KrFK9BGeh+iDa/sm6jUMp2wds69v';
  const response = 'response="3798d4131c277846293534c3edc11bd8a5e4cdcbff78b05db9d95eeb1cec68a5"';

  it.each([
    [
      'hashed',
      `${header}, userhash=true`,
      'username="793263caabb707a56211940d90411ea4a575adeccb7e360aeb624ed06ece9b0b"',
    ],
    ['encoded', header, "username*=UTF-8''J%C3%A4s%C3%B8n%20Doe"],
  ])('a user name, %s', (_, text, username) => {
    const signed = signDigest(get('http://api.example.org/doe.json'), { ...jason, challenge: text }, { cnonce });
    const fields = signed.headers.authorization?.slice('Digest '.length).split(', ');
    expect(fields).toEqual(expect.arrayContaining([username, response]));
    expect(fields?.includes('userhash=true')).toBe(text.endsWith('userhash=true'));
  });
});

describe('older answers', () => {
  const realm = 'testrealm@host.com';
  const nonce = 'dcd98b7102dd2f0e8b11d0f600bfb0c093';
  const where = get('http://www.nowhere.org/dir/index.html');

  it('RFC 2617 §3.5', () => {
    const header = `Digest realm="${realm}", qop="auth,auth-int", nonce="${nonce}", opaque="5ccc069c403ebaf9f0171e9517f40e41"`;
    const credentials = { username: 'Mufasa', password: 'Circle Of Life', challenge: header };
    const { authorization } = signDigest(where, credentials, { cnonce: '0a4f113b' }).headers;
    expect(authorization).toContain('response="6629fae49393a05397450978507c4ef1"');
    expect(authorization).not.toContain('algorithm');
  });

  it('RFC 2069 §2.4 with its erratum 749, which knows no qop', () => {
    const credentials = {
      username: 'Mufasa',
      password: 'CircleOfLife',
      challenge: `Digest realm="${realm}", nonce="${nonce}"`,
    };
    const { authorization } = signDigest(where, credentials, { cnonce: 'unused' }).headers;
    expect(authorization).toBe(
      `Digest username="Mufasa", realm="${realm}", uri="/dir/index.html", nonce="${nonce}", response="1949323746fe6a43ef61f9606e7febea"`,
    );
  });
});

describe('a session key, as curl 7.88 answers with it', () => {
  it.each([
    ['MD5-sess', 'YjY0N2M4Njk1MmI2NzkwMDkzYzVlMTVjYWIzM2JjZTA=', 'cf6d6d243f535983fa78ae1e81c46b7b'],
    [
      'SHA-256-sess',
      'ZGZlYzMxYzNkNGJiMjI1MjA3Nzg0MGEyZjM4YjRkOTU=',
      '4028b7b5de6f8a78267d1268af2c9e4071e80033ee653acf149104fa27c51566',
    ],
  ])('%s', (algorithm, cnonce, response) => {
    const header = `Digest realm="r", algorithm=${algorithm}, qop="auth", nonce="n/+=1"`;
    const { authorization } = signDigest(request, { ...mufasa, challenge: header }, { cnonce }).headers;
    expect(authorization).toContain(`algorithm=${algorithm}, nonce="n/+=1", nc=00000001, cnonce="${cnonce}", qop=auth`);
    expect(authorization).toContain(`response="${response}"`);
  });
});

describe('details', () => {
  it('the query belongs to the address, the count is in hex', () => {
    const signed = signDigest(
      get('http://www.example.org/dir?a=b"c'),
      { ...mufasa, challenge: challenge('MD5') },
      { ...clock, count: 171 },
    );
    expect(signed.headers.authorization).toContain('uri="/dir?a=b%22c"');
    expect(signed.headers.authorization).toContain('nc=000000ab');
  });

  it('quotes in names stay inside their field', () => {
    const header = 'Digest realm="a \\"b\\"", nonce="n\\\\", qop=auth';
    const signed = signDigest(request, { username: 'a", uri="/x', password: 'p', challenge: header }, clock);
    expect(signed.headers.authorization).toContain(
      'username="a\\", uri=\\"/x", realm="a \\"b\\"", uri="/dir/index.html", nonce="n\\\\"',
    );
  });

  it.each([
    ['another scheme', 'Basic realm="x"'],
    ['an unknown hash', challenge('SHA-1')],
    ['auth-int alone', 'Digest realm="x", nonce="n", qop="auth-int"'],
    ['no nonce', 'Digest realm="x", qop="auth"'],
    ['nothing', ''],
  ])('%s cannot be answered', (_, header) => {
    expect(() => signDigest(request, { ...mufasa, challenge: header }, clock)).toThrow(
      expect.objectContaining({ code: 'upstream_invalid' }),
    );
  });
});
