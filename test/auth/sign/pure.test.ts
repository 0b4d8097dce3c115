import { describe, expect, it } from 'vitest';
import { signDigest } from '../../../src/auth/sign/digest.ts';
import { signHmac } from '../../../src/auth/sign/hmac.ts';
import { type OAuth1Credentials, signOAuth1 } from '../../../src/auth/sign/oauth1.ts';
import { signAws } from '../../../src/auth/sign/sigv4.ts';
import type { HttpRequest } from '../../../src/network/send.ts';

const oauth1: OAuth1Credentials = { consumerKey: 'k', consumerSecret: 's', signatureMethod: 'HMAC-SHA256' };
const aws = { accessKeyId: 'AKID', secretAccessKey: 'secret', sessionToken: 't', region: 'r', service: 's3' };
const hmac = { algorithm: 'sha256', key: 'k', content: 'c', encoding: 'hex' } as const;

describe.each<[string, (request: HttpRequest) => HttpRequest]>([
  ['OAuth 1.0 in the header', (it) => signOAuth1(it, oauth1, { nowSeconds: 1, nonce: 'n' })],
  ['OAuth 1.0 in the query', (it) => signOAuth1(it, { ...oauth1, place: 'query' }, { nowSeconds: 1, nonce: 'n' })],
  ['AWS', (it) => signAws(it, aws, { now: new Date(0) })],
  ['HMAC in a header', (it) => signHmac(it, { ...hmac, header: 'x-sign' })],
  ['HMAC in the query', (it) => signHmac(it, { ...hmac, query: 'sign' })],
  ['Digest', (it) => signDigest(it, { username: 'u', password: 'p', challenge: 'Digest nonce=n' }, { cnonce: 'c' })],
])('%s', (_, sign) => {
  const headers = Object.freeze({ Authorization: 'old', 'X-Sign': 'old', accept: '*/*' });
  const body = Buffer.from('body');
  const request: HttpRequest = Object.freeze({
    method: 'PUT',
    url: new URL('https://h.example/a|b?c=d+e'),
    headers,
    body,
  });

  it('leaves the request alone', () => {
    const signed = sign(request);
    expect(signed).not.toBe(request);
    expect(request.url.href).toBe('https://h.example/a|b?c=d+e');
    expect(body.toString()).toBe('body');
    expect(signed).toMatchObject({ method: 'PUT', body });
  });

  it('gives the same for the same, and each header once', () => {
    expect(sign(request)).toEqual(sign(request));
    const names = Object.keys(sign(request).headers).map((it) => it.toLowerCase());
    expect(new Set(names).size).toBe(names.length);
  });
});
