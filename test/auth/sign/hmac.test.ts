import { describe, expect, it } from 'vitest';
import { type HmacSignature, signHmac } from '../../../src/auth/sign/hmac.ts';

const request = {
  method: 'POST',
  url: new URL('https://api.example.com/x?a=%7e+b'),
  headers: { 'X-Sign': 'old' },
  body: 'b',
};

const jefe = { key: 'Jefe', content: 'what do ya want for nothing?', encoding: 'hex', header: 'X-Sign' } as const;

describe('published values', () => {
  it.each<[string, HmacSignature, string]>([
    ['RFC 2202, MD5', { ...jefe, algorithm: 'md5' }, '750c783e6ab0b503eaa86e310a5db738'],
    ['RFC 2202, SHA-1', { ...jefe, algorithm: 'sha1' }, 'effcdf6ae5eb2fa2d27416d5f184df9c259a7c79'],
    [
      'RFC 4231, SHA-256',
      { ...jefe, algorithm: 'sha256' },
      '5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843',
    ],
    [
      'RFC 4231, SHA-512',
      { ...jefe, algorithm: 'sha512' },
      '164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea2505549758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737',
    ],
    [
      'GitHub, "Validating webhook deliveries"',
      {
        ...jefe,
        algorithm: 'sha256',
        key: "It's a Secret to Everybody",
        content: Buffer.from('Hello, World!'),
        prefix: 'sha256=',
      },
      'sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17',
    ],
  ])('%s', (_, signature, value) => {
    expect(signHmac(request, signature).headers).toEqual({ 'x-sign': value });
  });
});

describe('spelling', () => {
  const hex = Buffer.from('Jefe').toString('hex');
  it.each<[string, Partial<HmacSignature>, string]>([
    ['base64', { encoding: 'base64' }, 'dQx4PmqwtQPqqG4xCl23OA=='],
    ['base64url', { encoding: 'base64url' }, 'dQx4PmqwtQPqqG4xCl23OA'],
    ['a key in hex', { key: hex.toUpperCase(), keyEncoding: 'hex' }, '750c783e6ab0b503eaa86e310a5db738'],
    ['a key in base64', { key: 'SmVmZQ==', keyEncoding: 'base64' }, '750c783e6ab0b503eaa86e310a5db738'],
    ['a key in base64url', { key: 'SmVmZQ', keyEncoding: 'base64url' }, '750c783e6ab0b503eaa86e310a5db738'],
  ])('%s', (_, more, value) => {
    const signature = { ...jefe, algorithm: 'md5', ...more } as HmacSignature;
    expect(signHmac(request, signature).headers).toEqual({ 'x-sign': value });
  });

  it('in the query, after what is there and as it is spelled', () => {
    const { header: _, ...rest } = jefe;
    const signed = signHmac(request, { ...rest, algorithm: 'md5', encoding: 'base64', query: 'sig[n]', prefix: 'v1 ' });
    expect(signed.url.search).toBe('?a=%7e+b&sig%5Bn%5D=v1%20dQx4PmqwtQPqqG4xCl23OA%3D%3D');
    expect(signed.headers).toBe(request.headers);
  });

  it.each([
    ['an empty key', '', 'utf8'],
    ['half a byte', 'abc', 'hex'],
    ['no base64', 'a b', 'base64'],
  ] as const)('refuses %s', (_, key, keyEncoding) => {
    expect(() => signHmac(request, { ...jefe, algorithm: 'sha1', key, keyEncoding })).toThrow(
      expect.objectContaining({ code: 'arguments_invalid' }),
    );
  });
});
