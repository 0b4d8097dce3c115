import { verify } from 'node:crypto';
import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import { type OAuth1Credentials, signatureBase, signOAuth1 } from '../../../src/auth/sign/oauth1.ts';
import type { HttpRequest } from '../../../src/network/send.ts';

const form = { 'content-type': 'application/x-www-form-urlencoded' };

const request = (method: string, url: string, more: Partial<HttpRequest> = {}): HttpRequest => ({
  method,
  url: new URL(url),
  headers: {},
  ...more,
});

/** The fields of an Authorization header, decoded. */
function fieldsOf(signed: HttpRequest): Record<string, string> {
  const fields = [...(signed.headers.authorization ?? '').matchAll(/(\w+)="([^"]*)"/g)];
  return Object.fromEntries(fields.map(([, name = '', value = '']) => [name, decodeURIComponent(value)]));
}

const photos: OAuth1Credentials = {
  consumerKey: 'dpf43f3p2l4k3l03',
  consumerSecret: 'kd94hf93k423kf44',
  signatureMethod: 'HMAC-SHA1',
  realm: 'Photos',
  version: false,
};

describe('published signatures', () => {
  it.each<[string, HttpRequest, OAuth1Credentials, number, string, string]>([
    [
      'RFC 5849 §1.2, temporary credentials',
      request('POST', 'https://photos.example.net/initiate'),
      { ...photos, callback: 'http://printer.example.com/ready' },
      137131200,
      'wIjqoS',
      '74KNZJeDHnMBp0EMJ9ZHt/XKycU=',
    ],
    [
      'RFC 5849 §1.2, token credentials',
      request('POST', 'https://photos.example.net/token'),
      { ...photos, token: 'hh5s93j4hdidpola', tokenSecret: 'hdhd0244k9j7ao03', verifier: 'hfdp7dh39dks9884' },
      137131201,
      'walatlh',
      'gKgrFCywp7rO0OXSjdot/IHF7IU=',
    ],
    [
      'RFC 5849 §1.2, a photo',
      request('GET', 'http://photos.example.net/photos?file=vacation.jpg&size=original'),
      { ...photos, token: 'nnch734d00sl2jdk', tokenSecret: 'pfkkdhi9sl3r4s00' },
      137131202,
      'chapoH',
      'MdpQcU8iPSUjWoN/UDMsK2sui9I=',
    ],
    [
      'RFC 5849 §3.4.1.1 with the signature of erratum 2550',
      request('POST', 'http://example.com/request?b5=%3D%253D&a3=a&c%40=&a2=r%20b', {
        headers: form,
        body: 'c2&a3=2+q',
      }),
      {
        consumerKey: '9djdj82h48djs9d2',
        consumerSecret: 'j49sk3j29djd',
        token: 'kkk9d7dh3k39sjv7',
        tokenSecret: 'dh893hdasih9',
        signatureMethod: 'HMAC-SHA1',
        version: false,
      },
      137131201,
      '7d8f3e4a',
      'r6/TJjbCOr97/+UU0NsvSne7s5g=',
    ],
    [
      'OAuth Core 1.0 appendix A.5',
      request('GET', 'http://photos.example.net/photos?file=vacation.jpg&size=original'),
      { ...photos, version: true, token: 'nnch734d00sl2jdk', tokenSecret: 'pfkkdhi9sl3r4s00' },
      1191242096,
      'kllo9940pd9333jh',
      'tR3+Ty81lMeYAr/Fid0kMTYa/WM=',
    ],
    [
      'Twitter, "Creating a signature"',
      request('POST', 'https://api.twitter.com/1.1/statuses/update.json?include_entities=true', {
        headers: form,
        body: 'status=Hello%20Ladies%20%2b%20Gentlemen%2c%20a%20signed%20OAuth%20request%21',
      }),
      {
        consumerKey: 'xvz1evFS4wEEPTGEFPHBog',
        consumerSecret: 'kAcSOqF21Fu85e7zjz7ZN2U4ZRhfV3WpwPAoE3Z7kBw',
        token: '370773112-GmHxMAgYyLbNEtIKZeRNFsMKPR9EyMZeS9weJAEb',
        tokenSecret: 'LswwdoUaIvS8ltyTt5jkRh4J50vUPVVHtR2YPi5kE',
        signatureMethod: 'HMAC-SHA1',
      },
      1318622958,
      'kYjzVBB8Y0ZFabxSWbWovY3uYSQ2pTgmZeNu2VS4cg',
      'hCtSmYh+iHYCEqBWrE7C7hYmtUk=',
    ],
  ])('%s', (_, unsigned, credentials, nowSeconds, nonce, signature) => {
    const fields = fieldsOf(signOAuth1(unsigned, credentials, { nowSeconds, nonce }));
    expect(fields).toMatchObject({ oauth_signature: signature, oauth_timestamp: String(nowSeconds) });
    const inQuery = signOAuth1(unsigned, { ...credentials, place: 'query' }, { nowSeconds, nonce });
    expect(inQuery.url.searchParams.get('oauth_signature')).toBe(signature);
    expect(inQuery.headers).toEqual(unsigned.headers);
  });

  it('RFC 5849 §2.1, PLAINTEXT', () => {
    const credentials = { consumerKey: 'jd83jd92dhsh93js', consumerSecret: 'ja893SD9' };
    const sign = (more: Partial<OAuth1Credentials>) =>
      fieldsOf(
        signOAuth1(
          request('POST', 'https://server.example.com/'),
          { ...credentials, signatureMethod: 'PLAINTEXT', ...more },
          { nowSeconds: 1, nonce: 'n' },
        ),
      );
    expect(sign({ callback: 'http://client.example.net/cb?x=1' }).oauth_signature).toBe('ja893SD9&');
    expect(sign({ tokenSecret: 'xyz4992k83j47x0b' }).oauth_signature).toBe('ja893SD9&xyz4992k83j47x0b');
    expect(sign({ consumerSecret: 'a&b %', tokenSecret: 'ü' }).oauth_signature).toBe('a%26b%20%25&%C3%BC');
  });
});

describe('what is signed', () => {
  const base = (unsigned: HttpRequest) => signatureBase(unsigned, []);
  const parametersOf = (unsigned: HttpRequest) => decodeURIComponent(base(unsigned).split('&')[2] ?? '');

  it('is the base string of RFC 5849 §3.4.1.1', () => {
    const body = 'c2&a3=2+q';
    const url = 'http://EXAMPLE.COM:80/request?b5=%3D%253D&a3=a&c%40=&a2=r%20b';
    const protocol = [
      ['oauth_consumer_key', '9djdj82h48djs9d2'],
      ['oauth_token', 'kkk9d7dh3k39sjv7'],
      ['oauth_signature_method', 'HMAC-SHA1'],
      ['oauth_timestamp', '137131201'],
      ['oauth_nonce', '7d8f3e4a'],
      ['oauth_signature', 'bYT5CMsGcbgUdFHObYMEfcx6bsw='],
    ] as const;
    expect(signatureBase(request('post', url, { headers: form, body }), protocol)).toBe(
      [
        'POST&http%3A%2F%2Fexample.com%2Frequest&a2%3Dr%2520b%26a3%3D2%2520q',
        'a3%3Da%26b5%3D%253D%25253D%26c%2540%3D%26c2%3D%26oauth_consumer_key%3D9djdj82h48djs9d2',
        'oauth_nonce%3D7d8f3e4a%26oauth_signature_method%3DHMAC-SHA1%26oauth_timestamp%3D137131201',
        'oauth_token%3Dkkk9d7dh3k39sjv7',
      ].join('%26'),
    );
  });

  it.each([
    ['http://EXAMPLE.com:80/r%20v/X?id=123', 'http://example.com/r%20v/X'],
    ['https://www.example.net:8080/?q=1', 'https://www.example.net:8080/'],
    ['https://example.com:443', 'https://example.com/'],
    ['http://example.com:443/', 'http://example.com:443/'],
  ])('the address of %s is %s (§3.4.1.2)', (url, address) => {
    expect(decodeURIComponent(base(request('GET', url)).split('&')[1] ?? '')).toBe(address);
  });

  it.each([
    ['repeated names, by value', '?x=b&x=a&x=B', 'x=B&x=a&x=b'],
    ['names and values that are empty', '?a&b=&=c&&d', '=c&a=&b=&d='],
    ['blanks, plus signs and equals signs', '?a+b=c%20d&e=%2B&f=g=h', 'a%20b=c%20d&e=%2B&f=g%3Dh'],
    ['order by encoded bytes, not letters', '?%C3%A4=1&z=2&Z=3&~=4', '%C3%A4=1&Z=3&z=2&~=4'],
    ['order by name before order by value', '?a=z&a-=b', 'a=z&a-=b'],
    ['bytes that are no UTF-8', '?latin=%E4', 'latin=%E4'],
    ['a percent sign that encodes nothing', '?a=100%', 'a=100%25'],
    ['all that is unreserved', "?a=-._~!*'()", 'a=-._~%21%2A%27%28%29'],
    ['no signature of its own', '?oauth_signature=x&a=1', 'a=1'],
  ])('%s', (_, query, parameters) => {
    expect(parametersOf(request('GET', `https://example.com/${query}`))).toBe(parameters);
  });

  const url = 'https://example.com/?q=1';
  it.each<[string, Partial<HttpRequest>, string]>([
    ['a form', { headers: form, body: 'b=2&a=ü' }, 'a=%C3%BC&b=2&q=1'],
    ['a form in bytes', { headers: form, body: Buffer.from('b=%E4') }, 'b=%E4&q=1'],
    [
      'a form with a charset',
      { headers: { 'Content-Type': 'Application/X-WWW-form-urlencoded; charset=UTF-8' }, body: 'b' },
      'b=&q=1',
    ],
    ['not JSON', { headers: { 'content-type': 'application/json' }, body: 'b=2' }, 'q=1'],
    ['not a lookalike', { headers: { 'content-type': 'application/x-www-form-urlencoded-2' }, body: 'b=2' }, 'q=1'],
    ['not a text of unknown type', { body: 'b=2' }, 'q=1'],
  ])('of bodies: %s', (_, more, parameters) => {
    expect(parametersOf(request('POST', url, more))).toBe(parameters);
  });
});

describe('the header', () => {
  it('replaces one that is there and quotes the realm', () => {
    const unsigned = request('GET', 'https://example.com/', { headers: { Authorization: 'Bearer x', Accept: 'a/b' } });
    const signed = signOAuth1(unsigned, { ...photos, realm: 'a "b" \\c' }, { nowSeconds: 5.9, nonce: 'n/1' });
    expect(Object.keys(signed.headers)).toEqual(['Accept', 'authorization']);
    expect(signed.headers.authorization).toMatch(
      /^OAuth realm="a \\"b\\" \\\\c", oauth_consumer_key="dpf43f3p2l4k3l03", /,
    );
    expect(signed.headers.authorization).toContain('oauth_timestamp="5", oauth_nonce="n%2F1"');
  });

  it('leaves the query as it is spelled', () => {
    const unsigned = request('GET', 'https://example.com/?a=%7e+b&c');
    const signed = signOAuth1(unsigned, { ...photos, place: 'query' }, { nowSeconds: 5, nonce: 'n' });
    expect(signed.url.search).toMatch(/^\?a=%7e\+b&c&oauth_consumer_key=/);
    expect(signed.url.search).not.toContain('realm');
  });
});

/** wiki.oauth.net/TestCases, section 9.3; its photo is spelled like that. */
const RSA_KEY = `-----BEGIN PRIVATE KEY-----
MIICdgIBADANBgkqhkiG9w0BAQEFAASCAmAwggJcAgEAAoGBALRiMLAh9iimur8V
A7qVvdqxevEuUkW4K+2KdMXmnQbG9Aa7k7eBjK1S+0LYmVjPKlJGNXHDGuy5Fw/d
7rjVJ0BLB+ubPK8iA/Tw3hLQgXMRRGRXXCn8ikfuQfjUS1uZSatdLB81mydBETlJ
hI6GH4twrbDJCR2Bwy/XWXgqgGRzAgMBAAECgYBYWVtleUzavkbrPjy0T5FMou8H
X9u2AC2ry8vD/l7cqedtwMPp9k7TubgNFo+NGvKsl2ynyprOZR1xjQ7WgrgVB+mm
uScOM/5HVceFuGRDhYTCObE+y1kxRloNYXnx3ei1zbeYLPCHdhxRYW7T0qcynNmw
rn05/KO2RLjgQNalsQJBANeA3Q4Nugqy4QBUCEC09SqylT2K9FrrItqL2QKc9v0Z
zO2uwllCbg0dwpVuYPYXYvikNHHg+aCWF+VXsb9rpPsCQQDWR9TT4ORdzoj+Nccn
qkMsDmzt0EfNaAOwHOmVJ2RVBspPcxt5iN4HI7HNeG6U5YsFBb+/GZbgfBT3kpNG
WPTpAkBI+gFhjfJvRw38n3g/+UeAkwMI2TJQS4n8+hid0uus3/zOjDySH3XHCUno
cn1xOJAyZODBo47E+67R4jV1/gzbAkEAklJaspRPXP877NssM5nAZMU0/O/NGCZ+
3jPgDUno6WbJn5cqm8MqWhW1xGkImgRk+fkDBquiq4gPiT898jusgQJAd5Zrr6Q8
AO/0isr/3aa6O6NLQxISLKcPDk2NOccAfS/xOtfOz4sJYM3+Bs4Io9+dZGSDCA54
Lw03eHTNQghS0A==
-----END PRIVATE KEY-----`;

const RSA_PUBLIC = `-----BEGIN PUBLIC KEY-----
MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQC0YjCwIfYoprq/FQO6lb3asXrx
LlJFuCvtinTF5p0GxvQGu5O3gYytUvtC2JlYzypSRjVxwxrsuRcP3e641SdASwfr
mzyvIgP08N4S0IFzEURkV1wp/IpH7kH41EtbmUmrXSwfNZsnQRE5SYSOhh+LcK2w
yQkdgcMv11l4KoBkcwIDAQAB
-----END PUBLIC KEY-----`;

describe('RSA-SHA1', () => {
  const unsigned = request('GET', 'http://photos.example.net/photos?file=vacaction.jpg&size=original');
  const sign = (privateKey?: string): HttpRequest =>
    signOAuth1(
      unsigned,
      { consumerKey: 'dpf43f3p2l4k3l03', consumerSecret: '', signatureMethod: 'RSA-SHA1', privateKey },
      { nowSeconds: 1196666512, nonce: '13917289812797014437' },
    );

  it.each([
    ['as a file', RSA_KEY],
    ['with its line ends spelled out', RSA_KEY.replaceAll('\n', '\\n')],
  ])('gives the signature of the OAuth test case, the key %s', (_, key) => {
    const { oauth_signature: signature = '', ...protocol } = fieldsOf(sign(key));
    expect(signature).toBe(
      'jvTp/wX1TYtByB1m+Pbyo0lnCOLIsyGCH7wke8AUs3BpnwZJtAuEJkvQL2/9n4s5wUmUl4aCI4BwpraNx4RtEXMe5qg5T1LVTGliMRpKasKsW//e+RinhejgCuzoH26dyF8iY2ZZ/5D1ilgeijhV/vBka5twt399mXwaYdCwFYE=',
    );
    const base = Buffer.from(signatureBase(unsigned, Object.entries(protocol)));
    expect(verify('sha1', base, RSA_PUBLIC, Buffer.from(signature, 'base64'))).toBe(true);
  });

  it.each([
    ['no key', undefined],
    ['no PEM', 'hunter2-hunter2-hunter2'],
    ['a damaged PEM', RSA_KEY.replace('MIICdgIBADANBgkqhkiG9w0BAQEFAASCAmAwggJcAgEAAoGBALRiMLAh9iimur8V', 'AAAA')],
    ['a public key', RSA_PUBLIC],
    [
      'a key of another kind',
      '-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n-----END PRIVATE KEY-----',
    ],
  ])('refuses %s and does not show it', (_, key) => {
    const error = attempt(() => sign(key));
    expect(error).toMatchObject({ code: 'arguments_invalid', hint: expect.any(String) });
    for (const line of (key ?? '').split('\n').filter((it) => it.length > 4 && !it.startsWith('--'))) {
      expect(inspect(error, { depth: 9 })).not.toContain(line);
    }
  });
});

function attempt(run: () => unknown): unknown {
  try {
    return run();
  } catch (error) {
    return error;
  }
}
