import { describe, expect, it } from 'vitest';
import { authType, inputSchema } from '../../src/auth/types.ts';
import type { HttpRequest } from '../../src/network/send.ts';
import { failureOf } from '../keystore/failure.ts';
import { authOption } from './option.ts';

const base64 = (text: string) => Buffer.from(text, 'utf8').toString('base64');
const moment = { now: 0, nonce: () => 'once' };
const apply = (
  option: ReturnType<typeof authOption>,
  credentials: Record<string, unknown>,
  built: HttpRequest = bare,
) => authType(option).apply(option, { credentials, settings: { tenant: 't1' } }, built, moment);
const bare: HttpRequest = { method: 'GET', url: new URL('https://api.example.com/things'), headers: {} };

type Written = Parameters<typeof authOption>[0];
const key = { title: 'Key', type: 'api_key' } as const;
const bearer = { title: 'Token', type: 'bearer' } as const;
const basic = { title: 'Password', type: 'basic' } as const;
const oauth = { title: 'OAuth', type: 'oauth2' } as const;

describe('what authentication adds to a request', () => {
  it.each<[string, Written, Record<string, unknown>, { headers?: object; query?: object }]>([
    ['nothing', { title: 'None', type: 'none' }, {}, {}],
    ['a key in a header', { ...key, name: 'X-Api-Key' }, { apiKey: 'k' }, { headers: { 'x-api-key': 'k' } }],
    [
      'a key after a prefix',
      { ...key, name: 'Authorization', prefix: 'Token ' },
      { apiKey: 'k' },
      { headers: { authorization: 'Token k' } },
    ],
    [
      'a key in the query',
      { ...key, in: 'query', name: 'api_key' },
      { apiKey: 'a&b=c é' },
      { query: { api_key: 'a&b=c é' } },
    ],
    [
      'a key in a cookie, which cannot begin another cookie',
      { ...key, in: 'cookie', name: 'sid' },
      { apiKey: 'a; admin=1\r\né' },
      { headers: { cookie: 'sid=a%3B%20admin%3D1%0D%0A%C3%A9' } },
    ],
    [
      'a key from elsewhere',
      { ...key, name: 'k', value: '{{ settings.tenant }}.{{ credentials.part }}' },
      { part: 'p' },
      { headers: { k: 't1.p' } },
    ],
    ['a bearer token', bearer, { token: 't' }, { headers: { authorization: 'Bearer t' } }],
    [
      'a bearer token of another name',
      { ...bearer, prefix: 'token' },
      { token: 't' },
      { headers: { authorization: 'token t' } },
    ],
    [
      'a bare token',
      { ...bearer, header: 'PRIVATE-TOKEN', prefix: '' },
      { token: 't' },
      { headers: { 'private-token': 't' } },
    ],
    [
      'a name and password',
      basic,
      { username: 'ada', password: 'pw' },
      { headers: { authorization: `Basic ${base64('ada:pw')}` } },
    ],
    [
      'an empty password',
      basic,
      { username: 'key', password: '' },
      { headers: { authorization: `Basic ${base64('key:')}` } },
    ],
    ['no password', basic, { username: 'key' }, { headers: { authorization: `Basic ${base64('key:')}` } }],
    [
      'colons in a password, and letters beyond ASCII',
      basic,
      { username: 'Zoë', password: 'ü:🔑:' },
      { headers: { authorization: `Basic ${base64('Zoë:ü:🔑:')}` } },
    ],
    [
      'a password that is fixed',
      { ...basic, username: '{{ credentials.apiKey }}', password: 'X' },
      { apiKey: 'k' },
      { headers: { authorization: `Basic ${base64('k:X')}` } },
    ],
    ['an access token', oauth, { accessToken: 'a' }, { headers: { authorization: 'Bearer a' } }],
    [
      'an access token in a header of one’s own',
      { ...oauth, header: 'X-Shop-Token', prefix: '' },
      { accessToken: 'a', refreshToken: 'r' },
      { headers: { 'x-shop-token': 'a' } },
    ],
  ])('%s', async (_, written, credentials, { headers = {}, query = {} }) => {
    const { url, ...rest } = await apply(authOption(written), credentials);
    expect({ ...rest, query: Object.fromEntries(url.searchParams) }).toEqual({ method: 'GET', headers, query });
    expect(url.pathname).toBe('/things');
  });

  it('replaces what the request said in that place, and leaves the request itself as it was', async () => {
    const built = {
      ...bare,
      url: new URL('https://api.example.com/things?k=old&a=1'),
      headers: { Authorization: 'old' },
    };
    const inHeader = await apply(authOption({ ...key, name: 'authorization' }), { apiKey: 'new' }, built);
    expect(inHeader.headers).toEqual({ authorization: 'new' });
    const inQuery = await apply(authOption({ ...key, in: 'query', name: 'k' }), { apiKey: 'new' }, built);
    expect(inQuery.url.search).toBe('?k=new&a=1');
    expect([built.url.search, built.headers]).toEqual(['?k=old&a=1', { Authorization: 'old' }]);
  });

  const form = 'application/x-www-form-urlencoded';
  it.each<[string, string | undefined, string | undefined, string | undefined]>([
    ['a JSON object', '{"a":1}', 'application/json; charset=utf-8', '{"a":1,"key":"k&1"}'],
    ['a form', 'a=1&key=old', form, 'a=1&key=k%261'],
    ['nothing, which becomes JSON', undefined, undefined, '{"key":"k&1"}'],
  ])('a key in the body, into %s', async (_, body, type, expected) => {
    const built = { ...bare, method: 'POST', headers: type ? { 'content-type': type } : {}, ...(body && { body }) };
    const signed = await apply(authOption({ ...key, in: 'body', name: 'key' }), { apiKey: 'k&1' }, built);
    expect(signed.body).toBe(expected);
    expect(signed.headers).toEqual({ 'content-type': type ?? 'application/json' });
  });

  it.each([
    ['[1]', 'application/json'],
    ['text', 'text/plain'],
  ])('a key in the body does not go into %s', async (body, type) => {
    const built = { ...bare, method: 'POST', headers: { 'content-type': type }, body };
    const signing = Promise.resolve().then(() =>
      apply(authOption({ ...key, in: 'body', name: 'key' }), { apiKey: 'k' }, built),
    );
    expect((await failureOf(signing)).code).toBe('definition_invalid');
  });

  it.each([
    ['/bot:token/getMe', '12:ab/c', '/bot12:ab%2Fc/getMe'],
    ['/bot:token', 'k', '/botk'],
    ['/:tokens/%3Atoken', 'k', '/:tokens/%3Atoken'],
  ])('a key in the path %s', async (path, apiKey, expected) => {
    const built = { ...bare, url: new URL(path, bare.url) };
    const signed = await apply(authOption({ ...key, in: 'path', name: 'token' }), { apiKey }, built);
    expect(signed.url.href).toBe(`https://api.example.com${expected}`);
  });

  it.each<[string, Written, Record<string, unknown>, string]>([
    ['no key', { ...key, name: 'k' }, {}, 'reauthorization_required'],
    ['an empty key', { ...key, name: 'k' }, { apiKey: '' }, 'reauthorization_required'],
    ['a key that is no text', { ...key, name: 'k' }, { apiKey: { a: 1 } }, 'reauthorization_required'],
    ['no token', bearer, {}, 'reauthorization_required'],
    ['no user name', basic, { password: 'pw' }, 'reauthorization_required'],
    ['a password that is no text', basic, { username: 'ada', password: { a: 1 } }, 'reauthorization_required'],
    // RFC 7617 §2: it would be read as the end of the name.
    ['a colon in a user name', basic, { username: 'a:b', password: 'pw-1234567' }, 'arguments_invalid'],
    ['no access token', oauth, { refreshToken: 'r' }, 'reauthorization_required'],
    ['an empty access token', oauth, { accessToken: '' }, 'reauthorization_required'],
  ])('refuses %s', async (_, written, credentials, code) => {
    const error = await failureOf(Promise.resolve().then(() => apply(authOption(written), credentials)));
    expect(error.code).toBe(code);
    expect(`${error.message} ${error.hint}`).not.toContain('pw-1234567');
  });
});

describe('what the user is asked for', () => {
  it.each<[Written, readonly string[], readonly string[]]>([
    [{ title: 'None', type: 'none' }, [], []],
    [{ ...key, name: 'k' }, ['apiKey'], ['apiKey']],
    [bearer, ['token'], ['token']],
    [basic, ['username', 'password'], ['password']],
    [oauth, [], []],
    [{ ...bearer, ui: { schema: { type: 'object', properties: { pin: { type: 'string' } } } } }, ['pin'], []],
  ])('%j', (written, fields, hidden) => {
    const { properties } = inputSchema(authOption(written)) as { properties: Record<string, { secret?: boolean }> };
    expect(Object.keys(properties)).toEqual(fields);
    expect(fields.filter((it) => properties[it]?.secret)).toEqual(hidden);
  });
});
