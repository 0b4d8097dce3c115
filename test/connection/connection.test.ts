import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { inputOf } from '../../src/connection/auth.ts';
import { buildConnection, definitionOf, merged, withoutSecrets } from '../../src/connection/connection.ts';
import { readConnection } from '../../src/connection/spec.ts';
import type { Values } from '../../src/connector/values.ts';
import { loadSandbox } from '../../src/expression/sandbox.ts';
import { failureOf } from '../execute/stage.ts';

beforeAll(() => loadSandbox());

const BASE = { name: 'Desk', baseUrl: 'https://desk.example/api/' };
const read = (given: object) => readConnection({ ...BASE, ...given });
const build = (given: object) => buildConnection(read(given), '/none/connector.yaml');
const problem = async (given: object) => (await failureOf(async () => build(given))).message;

const LOGIN = { type: 'http_bearer_token', path: '/login', outputs: { token: "body['token']" } };

describe('a definition', () => {
  it('has the base URL without a slash at its end, and paths with one before them', () => {
    const { connector } = build({ testPath: 'health', actions: { a: { get: { request: { path: 'x/' } } } } });
    expect(connector.definition.server.baseUrl).toBe('https://desk.example/api');
    expect(connector.definition.auth.methods.test).toMatchObject({ request: { path: '/health' } });
    expect(connector.action('a', 'get').spec.request?.path).toBe('/x/');
  });

  it.each([undefined, null, ''])('has no test where the test path is %j', (testPath) => {
    expect(build({ testPath }).connector.definition.auth.methods.test).toBeUndefined();
  });

  it('takes a test path with a query', () => {
    const { test } = build({ testPath: '/health?a=1&b=x%20y' }).connector.definition.auth.methods;
    expect(test).toMatchObject({ request: { path: '/health', query: { a: '1', b: 'x y' } } });
  });

  it.each([
    ['GET', 'read', false],
    ['POST', 'create', false],
    ['PUT', 'idempotent', false],
    ['PATCH', 'update', false],
    ['DELETE', 'idempotent', true],
  ])('has the effect of %s set right', (method, effect, destructive) => {
    const { spec } = build({ actions: { a: { b: { request: { method, path: '/x' } } } } }).connector.action('a', 'b');
    expect(spec).toMatchObject({ effect, destructive });
  });

  it('finds the parameters of an action, but for those that have a meaning already', () => {
    const request = {
      method: 'POST',
      path: '/a/{{id}}/{{tenant}}',
      query: { q: '{{ q }}', kept: '{{ args.n ?? 5 }}', me: '{{account}}' },
      headers: { 'X-Key': '{{key}}' },
      json: { path: 'a/{{{body}}}', list: ['{{n}}', 'of {{n}}'] },
    };
    const given = {
      secrets: { key: 'a-key-0123456789' },
      parameters: { tenant: 'main' },
      actions: { a: { b: { request, params: { type: 'object', properties: { n: { type: 'integer' } } } } } },
    };
    const { params, spec } = build(given).connector.action('a', 'b');
    expect(params).toMatchObject({
      required: ['id'],
      properties: { n: { type: 'integer' }, id: { type: 'string' }, q: { type: 'string' }, body: { type: 'string' } },
    });
    expect(Object.keys(params.properties ?? {}).sort()).toEqual(['body', 'id', 'n', 'q']);
    expect(spec.request).toMatchObject({
      path: '/a/{{ args.id }}/{{ input.tenant }}',
      query: { q: '{{ args.q }}', kept: '{{ args.n ?? 5 }}', me: '{{account}}' },
      headers: { 'X-Key': '{{ secrets.key }}' },
      json: { path: 'a/{{ args.body }}', list: ['{{ args.n }}', 'of {{ args.n }}'] },
    });
  });

  it('leaves the rest of an action as it is given', () => {
    const action = {
      summary: 'The tickets of the house.',
      title: 'Tickets',
      request: { path: '/t' },
      result: { records: '{{ response.body.items }}', each: { id: '{{ item.id }}' } },
    };
    expect(build({ actions: { t: { list: action } } }).connector.action('t', 'list').spec).toMatchObject(action);
  });

  it('asks for the parameters of a token request that nobody declared; what sounds secret is', () => {
    const auth = { ...LOGIN, path: '/{{tenant}}/login', body: { form: 'u={{user}}&password={{password}}' } };
    const option = build({ auth }).connector.defaultOption.spec;
    expect(option.ui.schema).toEqual({
      type: 'object',
      required: ['tenant', 'user', 'password'],
      properties: {
        tenant: { type: 'string', title: 'tenant' },
        user: { type: 'string', title: 'user' },
        password: { type: 'string', title: 'password', secret: true },
      },
    });
    expect(option).toMatchObject({
      header: 'Authorization',
      prefix: 'Bearer',
      request: {
        method: 'POST',
        path: '/{{ input.tenant }}/login',
        form: { u: '{{ input.user }}', password: '{{ secrets.password }}' },
        followRedirects: false,
      },
    });
  });

  it('reads a stream, follows redirects and sends empty parameters where that is wanted', () => {
    const request = (more: object) => build({ auth: { ...LOGIN, ...more } }).connector.defaultOption.spec;
    const wanted = { streamResponse: true, followRedirect: true, includeEmptyParams: true };
    expect(request(wanted)).toMatchObject({ request: { stream: true, followRedirects: true, includeEmpty: true } });
    expect(request({})).toMatchObject({ request: { stream: false, followRedirects: false, includeEmpty: false } });
  });

  it('reaches the hosts that give tokens, and no others', () => {
    const hosts = (auth: object) => build({ auth }).connector.definition.server.allowHosts;
    expect(hosts({ ...LOGIN, tokenBaseUrl: 'https://login.example:8443/x' })).toEqual(['login.example:8443']);
    expect(hosts({ ...LOGIN, tokenBaseUrl: 'https://desk.example' })).toEqual([]);
    expect(hosts({ type: 'client_credentials', tokenUrl: 'https://id.example/token', clientId: 'me' })).toEqual([
      'id.example',
    ]);
  });

  it('never holds a secret, whatever it is and wherever it is used', () => {
    const secret = fc.string({ minLength: 12, maxLength: 40 }).filter((it) => it.trim().length >= 12);
    const of = (text: string): object[] => [
      { auth: { type: 'basic', username: 'ada', password: text } },
      { auth: { type: 'raw_bearer_token', token: text } },
      { auth: { type: 'api_key', apiKey: text } },
      { auth: { type: 'client_credentials', tokenUrl: 'https://id.example', clientId: 'me', clientSecret: text } },
      { auth: { ...LOGIN, body: { form: { p: '{{p}}' } } }, secrets: { p: text } },
      { auth: { type: 'bearer', token: '{{mine}}' }, secrets: { mine: text } },
    ];
    fc.assert(
      fc.property(secret, fc.nat(5), (text, i) => {
        const connection = read(of(text)[i] ?? {});
        const open = JSON.stringify([definitionOf(connection), withoutSecrets(connection)]);
        expect(open).not.toContain(JSON.stringify(text).slice(1, -1));
        expect(Object.values(inputOf(connection))).toContain(text);
      }),
    );
  });
});

describe('input that is not right names the field', () => {
  it.each([
    [{ name: undefined }, '`name` is missing'],
    [{ name: '日本' }, '`connector`: is needed'],
    [{ connector: 'Desk!' }, '`connector`: begins with a small letter'],
    [{ baseUrl: 'desk' }, '`baseUrl`: is no web address'],
    [{ baseUrl: 'ftp://desk.example' }, '`baseUrl`: is no web address'],
    [{ baseUrl: 'https://ada:pw@desk.example' }, '`baseUrl`: cannot hold a user name'],
    [{ baseUrl: 'https://desk.example/?a=1' }, '`baseUrl`: cannot hold ?'],
    [{ baseUrl: 'https://{{host}}/' }, '`baseUrl`: '],
    [{ testPath: '/../x' }, '`testPath`: cannot hold the segments . and ..'],
    [{ testPath: '/{{x}}' }, '`testPath`: is fixed'],
    [{ trustedCa: 'no pem' }, '`trustedCa`: is no certificate'],
    [{ trustedCa: '-----BEGIN PRIVATE KEY-----' }, '`trustedCa`: holds a private key'],
    [{ documentationLink: 'javascript:alert(1)' }, '`documentationLink`: '],
    [{ auth: { type: 'basic' } }, '`auth.username` is missing'],
    [{ auth: { type: 'basic', username: 'a', pasword: 'b' } }, 'unknown key `pasword`'],
    [{ auth: { type: 'magic' } }, '`auth.type`: '],
    [{ auth: { ...LOGIN, outputs: {} } }, '`auth.outputs.token` is missing'],
    [{ auth: { ...LOGIN, outputs: { token: 'body[' } } }, '`auth.outputs.token`: '],
    [{ auth: { ...LOGIN, method: 'DELETE' } }, '`auth.method`: '],
    [{ auth: { ...LOGIN, header: 'a b' } }, '`auth.header`: is no name of a header'],
    [{ auth: { ...LOGIN, body: { form: {}, raw: '{}' } } }, '`auth.body`: has form or raw, not both'],
    [{ auth: { ...LOGIN, tokenBaseUrl: 'x' } }, '`auth.tokenBaseUrl`: '],
    [{ auth: { type: 'api_key', in: 'nowhere' } }, '`auth.in`: '],
    [{ auth: { type: 'hmac', content: 'x' } }, '`auth`: needs either header or query'],
    [{ parameters: { api_key: 'x' } }, '`parameters.api_key`: sounds secret'],
    [{ parameters: { a: 'x' }, secrets: { a: 'y' } }, '`parameters.a`: is among secrets too'],
    [{ actions: { a: { b: {} } } }, '`actions.a.b`: needs either request or steps'],
    [{ actions: { a: { b: { request: { path: '/x', metod: 'GET' } } } } }, 'unknown key `metod`'],
    [{ actions: { a: { b: { request: { path: '/{{limit}}' } } } } }, '`actions.a.b.params.properties.limit`: '],
    [{ actions: { a: { b: { effect: 'read', request: { method: 'DELETE', path: '/' } } } } }, '`actions.a.b.effect`: '],
  ])('%j', async (given, says) => {
    expect(await problem(given)).toContain(says);
  });

  it.each([
    [{ auth: { type: 'bearer', token: 'written-out-1' } }, '`auth.token`'],
    [{ auth: { type: 'hmac', key: 'written-out-1', content: 'x', header: 'X-S' } }, '`auth.key`'],
    [{ auth: { ...LOGIN, body: { form: { password: 'written-out-1' } } } }, '`auth.body.form.password`'],
    [{ auth: { ...LOGIN, body: { form: 'a=1&password=written-out-1' } } }, '`auth.body.form.password`'],
    [
      { auth: { ...LOGIN, body: { raw: '{"a": {"clientSecret": "written-out-1"}}' } } },
      '`auth.body.raw.a.clientSecret`',
    ],
    [{ auth: { ...LOGIN, headers: { Authorization: 'Basic written-out-1' } } }, '`auth.headers.Authorization`'],
    [{ auth: { ...LOGIN, params: { api_key: 'written-out-1' } } }, '`auth.params.api_key`'],
    [
      { actions: { a: { b: { request: { path: '/', headers: { 'X-Api-Key': 'written-out-1' } } } } } },
      '`actions.a.b.request.headers.X-Api-Key`',
    ],
  ])('where a secret is written out, and not the secret: %j', async (given, at) => {
    const message = await problem(given);
    expect(message).toContain(`${at}: is a secret`);
    expect(message).not.toContain('written-out-1');
  });
});

describe('changes are merged', () => {
  const before = {
    ...withoutSecrets(
      read({ testPath: '/a', description: 'Tickets.', auth: { type: 'basic', username: 'ada', password: 'p' } }),
    ),
    secrets: { kept: null },
  };
  it.each<[string, Values, Values]>([
    ['what is absent stays', {}, before],
    ['null takes away', { testPath: null }, { ...before, testPath: undefined }],
    ['a secret that is null is kept', { auth: { password: null }, secrets: { kept: null } }, before],
    [
      'a new one that is null is to be asked for',
      { secrets: { more: null } },
      { ...before, secrets: { kept: null, more: null } },
    ],
    ['a field within', { auth: { username: 'eve' } }, { ...before, auth: { ...before.auth, username: 'eve' } }],
    ['another type begins anew', { auth: { type: 'none' } }, { ...before, auth: { type: 'none' } }],
  ])('%s', (_, changes, after) => {
    expect(merged(before, changes)).toEqual(after);
  });
});
