import { FormData } from 'undici';
import { describe, expect, it } from 'vitest';
import { requestRule } from '../../src/connector/actionspec.ts';
import { planRequest } from '../../src/connector/plan.ts';
import { baseUrl, buildRequest, type PageParts } from '../../src/execute/request.ts';
import { connectorOf, failureOf } from './stage.ts';

const BASE = 'https://api.example.com/v1';

type Case = {
  readonly server?: Record<string, unknown>;
  readonly page?: PageParts;
};

function build(rule: Record<string, unknown>, args: Record<string, unknown> = {}, more: Case = {}) {
  const { server = {}, page } = more;
  const connector = connectorOf({ server: { baseUrl: BASE, ...server } });
  const plan = planRequest(requestRule.parse({ path: '/things', ...rule }));
  return buildRequest({ plan, server: connector.server(), scope: { args }, page });
}

const arg = '{{ args.it }}';

describe('a path', () => {
  it.each([
    ['/a/b', BASE, '/v1/a/b'],
    ['/a', 'https://api.example.com', '/a'],
    ['/a', 'https://api.example.com/', '/a'],
    ['/a', 'https://api.example.com/v1/', '/v1/a'],
    ['/', 'https://api.example.com/v1', '/v1/'],
    ['/a/', 'https://api.example.com/v1', '/v1/a/'],
  ])('%s under %s is %s', (path, base, expected) => {
    const { url } = build({ path }, {}, { server: { baseUrl: base } });
    expect(url.href).toBe(`https://api.example.com${expected}`);
  });

  it.each([
    ['a/b', '/v1/things/a%2Fb'],
    ['%2e%2e', '/v1/things/%252e%252e'],
    ['ü ?#&', '/v1/things/%C3%BC%20%3F%23%26'],
    [7, '/v1/things/7'],
    [['a', 'b'], '/v1/things/a/b'],
  ])('holds the argument %j as %s', (it, expected) => {
    expect(build({ path: `/things/${arg}` }, { it }).url.pathname).toBe(expected);
  });

  it.each(['', '.', '..', undefined, null, '\ud800', {}])('refuses the argument %j', async (it) => {
    const error = await failureOf(() => build({ path: `/things/${arg}` }, { it }));
    expect(error.code).toBe('arguments_invalid');
  });
});

describe('a whole address', () => {
  it('takes the place of the path', () => {
    expect(build({ path: undefined, url: 'https://files.example.com/x?y=1' }).url.href).toBe(
      'https://files.example.com/x?y=1',
    );
  });

  it.each([undefined, 'no address', 7])('cannot be %j', async (it) => {
    expect((await failureOf(() => build({ path: undefined, url: arg }, { it }))).code).toBe('arguments_invalid');
  });
});

describe('a query', () => {
  it.each([
    ['a b&c=d', '?it=a+b%26c%3Dd'],
    [['a', 'b'], '?it=a&it=b'],
    [['a', null, undefined, 'b'], '?it=a&it=b'],
    [[], ''],
    [null, ''],
    [undefined, ''],
    ['', '?it='],
    [false, '?it=false'],
    [0, '?it=0'],
  ])('holds %j as %s', (it, expected) => {
    expect(build({ query: { it: arg } }, { it }).url.search).toBe(expected);
  });

  it.each([[{ a: 1 }], [[{ a: 1 }]], [[['a']]]])('refuses %j', async (it) => {
    const error = await failureOf(() => build({ query: { it: arg } }, { it }));
    expect(error).toMatchObject({ code: 'arguments_invalid', message: 'query parameter it cannot hold an object' });
  });

  it('lets the action replace what the server adds, and paging both', () => {
    const { url } = build(
      { query: { version: '2', page: 'x' } },
      {},
      {
        server: { query: { version: '1', lang: 'en' } },
        page: { query: { page: 3 } },
      },
    );
    expect(Object.fromEntries(url.searchParams)).toEqual({ version: '2', lang: 'en', page: '3' });
    expect(url.searchParams.getAll('page')).toEqual(['3']);
  });
});

describe('headers', () => {
  it('come from the server, the action and paging, the later ones first of all', () => {
    const { headers } = build(
      { headers: { 'X-B': 'action', 'X-C': 'action' } },
      {},
      {
        server: { headers: { 'X-A': 'server', 'x-b': 'server', Accept: 'text/csv' } },
        page: { headers: { 'x-c': 'page' } },
      },
    );
    expect(headers).toEqual({
      accept: 'text/csv',
      'user-agent': 'tieline',
      'x-a': 'server',
      'x-b': 'action',
      'x-c': 'page',
    });
  });

  it.each([
    [null, undefined],
    [undefined, undefined],
    ['', ''],
    [7, '7'],
  ])('hold %j as %j', (it, expected) => {
    expect(build({ headers: { 'x-it': arg } }, { it }).headers['x-it']).toBe(expected);
  });

  it.each([[['a']], [{}]])('refuse %j', async (it) => {
    const error = await failureOf(() => build({ headers: { 'x-it': arg } }, { it }));
    expect(error).toMatchObject({ code: 'arguments_invalid', message: 'header x-it cannot hold an object' });
  });
});

describe('a body', () => {
  it.each([
    ['json', { a: arg, b: 1 }, 'x', '{"a":"x","b":1}', 'application/json'],
    ['json', { a: arg, b: 1 }, undefined, '{"b":1}', 'application/json'],
    ['json', { a: arg }, null, '{"a":null}', 'application/json'],
    ['json', arg, { deep: [1, { x: null }] }, '{"deep":[1,{"x":null}]}', 'application/json'],
    ['json', arg, [1], '[1]', 'application/json'],
    ['json', arg, undefined, '{}', 'application/json'],
    ['json', { a: arg }, '"}\r\n\0', '{"a":"\\"}\\r\\n\\u0000"}', 'application/json'],
    ['form', { a: arg, b: '&=' }, 'ü', 'a=%C3%BC&b=%26%3D', 'application/x-www-form-urlencoded'],
    ['form', { a: arg }, ['x', 'y'], 'a=x&a=y', 'application/x-www-form-urlencoded'],
    ['form', { a: arg }, undefined, '', 'application/x-www-form-urlencoded'],
    ['text', arg, 'a\nb', 'a\nb', 'text/plain; charset=utf-8'],
    ['text', arg, undefined, '', 'text/plain; charset=utf-8'],
    ['text', arg, { a: 1 }, '{"a":1}', 'text/plain; charset=utf-8'],
  ])('of kind %s, %j with %j, is %s', (kind, template, it, body, contentType) => {
    const request = build({ method: 'POST', [kind]: template }, { it });
    expect(request.body).toBe(body);
    expect(request.headers['content-type']).toBe(contentType);
  });

  it('takes a content type of its own', () => {
    const { headers } = build({ method: 'PATCH', json: {}, contentType: 'application/merge-patch+json' });
    expect(headers['content-type']).toBe('application/merge-patch+json');
  });

  it.each(['form', 'multipart'])('of kind %s refuses an object in a field', async (kind) => {
    const fields = kind === 'form' ? { a: arg } : [{ name: 'a', value: arg }];
    const error = await failureOf(() => build({ method: 'POST', [kind]: fields }, { it: { x: 1 } }));
    expect(error).toMatchObject({ code: 'arguments_invalid', message: 'form field a cannot hold an object' });
  });

  it('is not there when none is declared', () => {
    expect(build({ method: 'POST' })).not.toHaveProperty('body');
  });

  it('takes the page along, also where the request has no body by itself', () => {
    const page = { json: { cursor: 'c' } };
    expect(build({ method: 'POST', json: { q: 'x', cursor: 'old' } }, {}, { page }).body).toBe(
      '{"q":"x","cursor":"c"}',
    );
    expect(build({ method: 'POST' }, {}, { page })).toMatchObject({
      body: '{"cursor":"c"}',
      headers: { 'content-type': 'application/json' },
    });
  });
});

describe('a multipart body', () => {
  const rule = {
    method: 'POST',
    multipart: [
      { name: 'note', value: '{{ args.note }}' },
      { name: 'file', file: '{{ args.file }}' },
    ],
  };

  async function parts(args: Record<string, unknown>): Promise<[string, string | File][]> {
    const { body, headers } = build(rule, args);
    expect(headers['content-type']).toBeUndefined(); // the boundary is the sender's to choose
    if (!(body instanceof FormData)) throw new Error('no form');
    return [...body.entries()] as [string, string | File][];
  }

  it('holds fields and files', async () => {
    const [note, file] = await parts({ note: 'hello', file: { name: 'a.csv', text: 'ü' } });
    expect(note).toEqual(['note', 'hello']);
    expect(file?.[0]).toBe('file');
    expect(file?.[1]).toMatchObject({ name: 'a.csv', type: 'text/csv; charset=utf-8', size: 2 });
  });

  it('repeats the field of a list and drops what is absent', async () => {
    expect(await parts({ note: ['a', null, 'b'] })).toEqual([
      ['note', 'a'],
      ['note', 'b'],
    ]);
  });

  it.each([
    [{ name: 'a' }],
    [{ name: 'a', text: 'x', base64: 'eA==' }],
    [{ name: 'a', base64: '!' }],
    [{ name: 'a', base64: 'abcde' }],
    [{ name: 'a', text: 7 }],
    [{ name: 7, text: 'x' }],
    [{ name: 'a', mimeType: {}, text: 'x' }],
    [{}],
    ['a.txt'],
    [[]],
  ])('refuses the file %j', async (file) => {
    expect((await failureOf(parts({ file }))).code).toBe('arguments_invalid');
  });

  it.each(['AAEC', 'AAEC\n', 'AA EC', '-_8=', '-_8'])('reads the base64 %j', async (base64) => {
    const [[, file] = []] = await parts({ file: { name: 'a.bin', base64 } });
    if (!(file instanceof Blob)) throw new Error('no file');
    expect(Buffer.from(await file.arrayBuffer())).toEqual(Buffer.from(base64.replace(/\s/g, ''), 'base64url'));
  });
});

describe('a base URL', () => {
  const of = (text: string) =>
    baseUrl(connectorOf({ server: { baseUrl: '{{ input.url }}' } }).server(), { input: { url: text } });

  it.each(['https://api.example.com', 'http://127.0.0.1:4000/api/v1', 'https://[::1]:8443'])('may be %s', (text) => {
    expect(of(text).origin).toBe(new URL(text).origin);
  });

  it.each([
    'ftp://api.example.com',
    'file:///etc/passwd',
    'unix:/var/run/docker.sock',
    'javascript:alert(1)',
    'https://user@api.example.com',
    'https://:secret@api.example.com',
    'https://api.example.com?x=1',
    'https://api.example.com#x',
    'api.example.com',
    '',
  ])('cannot be %j', async (text) => {
    expect((await failureOf(() => of(text))).code).toBe('arguments_invalid');
  });
});

describe('the address of a next page', () => {
  const next = (url: string, rule: Record<string, unknown> = {}) => build(rule, {}, { page: { url } }).url.href;

  it.each([
    ['https://api.example.com/v1/things?page=2', 'https://api.example.com/v1/things?page=2'],
    ['https://api.example.com/other?key=old', 'https://api.example.com/other?key=old'],
    ['/v1/things?page=2', 'https://api.example.com/v1/things?page=2'],
    // RFC 3986 5.2: relative to the page that it stands on.
    ['?page=2', 'https://api.example.com/v1/things?page=2'],
    ['things?page=2', 'https://api.example.com/v1/things?page=2'],
  ])('%s is %s', (url, expected) => {
    expect(next(url)).toBe(expected);
  });

  it('may be where the first page of an action with a whole address was', () => {
    const rule = { path: undefined, url: 'https://files.example.com/list' };
    expect(next('https://files.example.com/list?page=2', rule)).toBe('https://files.example.com/list?page=2');
  });

  it.each([
    'https://evil.example/v1/things?page=2',
    'http://api.example.com/v1/things?page=2',
    'https://api.example.com:8443/v1/things?page=2',
    'https://api.example.com.evil.example/',
    'https://api.example.com@evil.example/',
    'https://user:secret@api.example.com/v1/things',
    '//evil.example/x',
    '\\\\evil.example/x',
    'javascript:alert(1)',
    'https://',
  ])('cannot be %s', async (url) => {
    expect((await failureOf(() => next(url))).code).toBe('target_forbidden');
  });
});

describe('empty parameters', () => {
  const values = { a: '{{ null }}', b: '', c: arg, d: '{{ args.list }}' };
  const args = { list: [null, 'x', ''] };
  const parts = (body: unknown) => [...(body as FormData)].map(([name, value]) => `${name}=${value}`).join('&');

  it.each([
    [false, 'b=&d=x&d='],
    [true, 'a=&b=&d=&d=x&d='],
  ])('are left out or sent: includeEmpty %s', (includeEmpty, expected) => {
    expect(build({ query: values, includeEmpty }, args).url.search).toBe(`?${expected}`);
    expect(build({ method: 'POST', form: values, includeEmpty }, args).body).toBe(expected);
    const multipart = Object.entries(values).map(([name, value]) => ({ name, value }));
    expect(parts(build({ method: 'POST', multipart, includeEmpty }, args).body)).toBe(expected);
  });
});
