import { readdirSync, readFileSync } from 'node:fs';
import { beforeAll, describe, expect, it } from 'vitest';
import { lint } from '../../src/connector/lint.ts';
import { loadSandbox } from '../../src/expression/sandbox.ts';
import { loadedFrom, replaced, sample, textAt } from './sample.ts';

beforeAll(loadSandbox);

const PATH = '        request:\n          path: /items\n';
const REQUEST = 'request:\n          path: /items';
const params = (properties: string, more = '') =>
  `        params: { type: object, ${more}properties: { ${properties} } }\n${PATH}`;
const ui = (properties: string) => `name: X-Key\n      ui: { schema: { type: object, properties: { ${properties} } } }`;
const config = 'methods: { getOAuthConfig: { mapping: { clientId: c, tokenUri: https://api.example.com/token } } }';
const oauth = `type: oauth2\n      ${config}\n      scopes: [read]`;

it('finds nothing wrong with the sample', () => {
  expect(lint(loadedFrom(sample))).toEqual([]);
});

describe('finds in an auth option', () => {
  const login = 'type: token_request\n      outputs: { token: "{{ body.t }}" }\n      ';
  const schema = 'ui: { schema: { type: object, properties: {} } }';
  it.each([
    ['no configuration', 'type: oauth2', 'methods', 'getOAuthConfig is missing'],
    ['no configuration of OAuth 1', 'type: oauth1', 'methods', 'getOAuth1Config is missing'],
    [
      'nothing to ask for',
      `${login}request: { path: /login }`,
      'ui',
      'ui.schema is missing: nobody can type what it needs',
    ],
    [
      'an undeclared token host',
      config.replace('api.', 'id.').replace(/^/, 'type: oauth2\n      '),
      'host',
      'id.example.com is not among server.allowHosts',
    ],
    [
      'an undeclared host of a login',
      `${login}request: { url: https://id.example.com/login }\n      ${schema}`,
      'host',
      'id.example.com is not among server.allowHosts',
    ],
    [
      'an undeclared host of a step',
      `${login}steps: [{ id: a, request: { path: /x, baseUrl: https://id.example.com } }]\n      ${schema}`,
      'host',
      'id.example.com is not among server.allowHosts',
    ],
  ])('%s', (_, option, rule, message) => {
    const problems = lint(loadedFrom(replaced(sample, 'type: api_key\n      name: X-Key', option)));
    expect(problems.map((it) => [it.rule, it.message])).toEqual([[rule, message]]);
  });
});

describe('finds', () => {
  it.each<[string, string, string, string, string, RegExp]>([
    // what, the rule, what stands in the sample, what is put there, the text at the position, the message
    ['a hidden character', 'text', 'title: Demo', 'title: "De\\u200Bmo"', '"De\\u200Bmo"', /invisible/],
    ['a hidden tag character', 'text', 'the items there are', 'the \u{E0041}items', 'All the', /invisible/],
    ['a hidden variation selector', 'text', 'the items there are', 'the \u{E0101}items', 'All the', /invisible/],
    ['text that runs backwards', 'text', 'title: Items', 'title: It\u202Eems', 'It\u202Eems', /invisible/],
    ['a hidden character in a name', 'text', PATH, params('"a\\u200Bb": {}'), '{}', /its name holds invisible/],
    [
      'a name that is reserved',
      'connector-name',
      'connector: demo',
      'connector: integrations',
      'integrations',
      /manage accounts/,
    ],
    ['a short summary', 'description', 'All the items there are.', 'All.', 'All.', /10 to 300/],
    ['a long summary', 'description', 'All the items there are.', 'x'.repeat(301), 'xxx', /10 to 300/],
    ['a broken expression', 'expression', 'path: /items', 'path: "/items/{{ args. }}"', '"/items/', /args\./],
    ['an empty expression', 'expression', 'path: /items', 'path: "/items/{{ }}"', '"/items/', /empty/],
    [
      'an expression that is left open',
      'expression',
      'https://api.example.com',
      '"https://{{ input"',
      '"https://',
      /input/,
    ],
    ['a statement', 'expression', 'path: /items', 'path: "/{{ if (1) 2 }}"', '"/{{', /unexpected if/],
    ['an unknown value', 'expression', 'path: /items', 'path: "/items/{{ arg.id }}"', '"/items/', /arg is no value/],
    [
      'an unknown value in a test of errors',
      'expression',
      PATH,
      `${PATH}        errors: [{ when: { value: "{{ x.y }}" }, code: conflict }]\n`,
      '"{{ x.y }}"',
      /x is no value/,
    ],
    [
      'an expression in a key',
      'expression',
      'path: /items',
      'path: /items\n          json: { "{{ input.a }}": 1 }',
      '1 }',
      /a key cannot hold/,
    ],
    ['a broken function', 'expression', PATH, `${PATH}functions: { half: "(a) => a /" }\n`, '"(a) => a /"', /half/],
    [
      'a function with the name of a value',
      'expression',
      PATH,
      `${PATH}functions: { this: "() => 1" }\n`,
      '"() => 1"',
      /"this" cannot be the name/,
    ],
    [
      'a tool name that is too long',
      'tool-name',
      '  items:\n    title: Items\n    actions:\n      list:',
      `  ${'i'.repeat(32)}:\n    title: Items\n    actions:\n      ${'l'.repeat(11)}:`,
      'summary: All',
      /demo_i{32}_l{11} is longer than 48/,
    ],
    [
      'params that are no object',
      'params',
      PATH,
      `        params: { properties: {} }\n${PATH}`,
      '{ properties',
      /must be of type object/,
    ],
    [
      'a key for what is the same twice',
      'idempotency',
      PATH,
      `${PATH}        idempotency: { header: Key }\n`,
      '{ header',
      /effect read needs no key/,
    ],
    [
      'a key that no action takes',
      'idempotency',
      'auth:',
      'idempotency: { header: Key }\nauth:',
      '{ header',
      /no action takes it/,
    ],
    [
      'a key in a header that is set already',
      'idempotency',
      `effect: read\n${PATH}`,
      `effect: create\n        idempotency: { header: X-Once }\n        request: { method: POST, path: /items, headers: { x-once: a } }\n`,
      'summary: All',
      /header x-once is set by Tieline/,
    ],
    ['a name that Tieline adds', 'params', PATH, params('cursor: {}'), '{}', /cursor is added/],
    [
      'a required argument that is not there',
      'params',
      PATH,
      params('id: {}', 'required: [id, ib], '),
      'ib]',
      /ib is required, and/,
    ],
    [
      'an optional argument in the path',
      'params',
      PATH,
      params('id: {}').replace('/items', '"/items/{{ args.id }}"'),
      '{ type: object',
      /id stands in the path/,
    ],
    [
      'an unknown argument',
      'args',
      PATH,
      PATH.replace('/items', '/items\n          query: { a: "{{ args.a }}" }'),
      'summary: All',
      /args.a is used/,
    ],
    [
      'an unknown argument with an inherited name',
      'args',
      'path: /items',
      'path: /items\n          query: { a: "{{ args.constructor }}" }',
      'summary: All',
      /args.constructor is used/,
    ],
    [
      'an unknown argument after a line break',
      'args',
      'path: /items',
      'path: /items\n          text: |\n            {{\n            args?.a }}',
      'summary: All',
      /args.a is used/,
    ],
    [
      'a read that writes',
      'effect',
      REQUEST,
      'request:\n          method: PATCH\n          path: /items',
      'read',
      /PATCH changes something/,
    ],
    ['a write that reads', 'effect', 'effect: read', 'effect: update', 'update', /GET changes nothing/],
    [
      'a last step that writes',
      'effect',
      PATH,
      '        steps: [{ id: a, request: { path: / } }, { id: b, request: { method: PUT, path: / } }]\n',
      'read',
      /PUT changes something/,
    ],
    [
      'a deletion that looks harmless',
      'effect',
      `effect: read\n        ${REQUEST}`,
      `effect: idempotent\n        request: { method: DELETE, path: / }`,
      'summary: All',
      /destructive: true/,
    ],
    ['missing scopes', 'scopes', 'type: api_key\n      name: X-Key', oauth, 'summary: All', /scopes it needs/],
    [
      'paging without an end',
      'pagination',
      PATH,
      `        paginate: { kind: offset, send: { name: o } }\n${PATH}`,
      '{ kind: offset',
      /tells the last page/,
    ],
    [
      'pages larger than what is expanded',
      'expand',
      PATH,
      `        paginate: { kind: link, limit: { name: n, default: 9, max: 99 } }\n        expand: { over: "{{ response.body }}", request: { path: / } }\n${PATH}`,
      '{ over:',
      /up to 99 items, and only 25/,
    ],
    [
      'a host that is not declared',
      'host',
      'path: /items',
      'url: https://other.example.com/items',
      'summary: All',
      /other.example.com is not among/,
    ],
    [
      'a host that only starts like a declared one',
      'host',
      'path: /items',
      'url: "https://api.example.com.evil.example?a"',
      'summary: All',
      /evil.example is not/,
    ],
    [
      'a port that is not declared',
      'host',
      'path: /items',
      'url: https://api.example.com:8443/',
      'summary: All',
      /api.example.com:8443 is not/,
    ],
    [
      'a slow pattern',
      'pattern',
      PATH,
      params('a: { type: string, maxLength: 9, pattern: "^(a+)+$" }'),
      '"^(a+)+$"',
      /exponential/,
    ],
    [
      'a slow pattern of what a user types',
      'pattern',
      'name: X-Key',
      ui('a: { maxLength: 9, pattern: "(x*)*" }'),
      '"(x*)*"',
      /exponential/,
    ],
    [
      'a pattern on text of any length',
      'pattern',
      PATH,
      params('a: { type: string, pattern: "^a$" }'),
      '"^a$"',
      /maxLength/,
    ],
    [
      'a pattern that is none',
      'pattern',
      PATH,
      params('a: { maxLength: 9, pattern: "a(" }'),
      '"a("',
      /no regular expression/,
    ],
    [
      'a pattern deep down',
      'pattern',
      PATH,
      params('a: { items: { anyOf: [{ pattern: a }] } }'),
      'a }] } }',
      /maxLength/,
    ],
    ['an unknown type', 'schema', PATH, params('a: { type: sting }'), 'sting }', /sting is no type/],
    [
      'an unknown type among several',
      'schema',
      PATH,
      params('a: { type: [string, nil] }'),
      '[string, nil]',
      /nil is no type/,
    ],
    ['a schema that is none', 'schema', PATH, params('a: string'), 'string }', /a mapping, true or false/],
    ['a property without schema', 'schema', PATH, params('a:'), 'a: }', /a mapping, true or false/],
    [
      'properties that are a list',
      'schema',
      PATH,
      `        params: { type: object, properties: [a] }\n${PATH}`,
      '[a]',
      /mapping from names/,
    ],
    ['required that is no list', 'schema', PATH, params('a: {}', 'required: a, '), 'a, prop', /required is a list/],
    ['alternatives that are no list', 'schema', PATH, params('a: { anyOf: {} }'), '{} }', /list of schemas/],
    [
      'a secret shown while typed',
      'secret',
      'name: X-Key',
      ui('apiKey: { type: string }'),
      '{ type: string }',
      /apiKey sounds secret/,
    ],
    [
      'a secret of the app',
      'secret',
      'title: Demo',
      'title: Demo\napp: { schema: { properties: { clientSecret: } } }',
      'clientSecret: }',
      /clientSecret sounds secret/,
    ],
  ])('%s', (_, rule, part, by, place, message) => {
    const text = replaced(sample, part, by);
    const problems = lint(loadedFrom(text));
    expect(problems).toEqual([
      {
        file: 'connector.yaml',
        rule,
        message: expect.stringMatching(message),
        line: expect.any(Number),
        column: expect.any(Number),
      },
    ]);
    expect(textAt(text, problems[0]!)?.slice(0, place.length)).toBe(place);
  });

  it('all of it, in the order of the file', () => {
    let text = replaced(sample, 'title: Demo', 'title: "De\\u200Bmo"');
    text = replaced(text, 'All the items there are.', 'All.');
    text = replaced(text, 'path: /items', 'path: "/items/{{ arg.id }}"');
    expect(lint(loadedFrom(text)).map((it) => [it.line, it.rule])).toEqual([
      [4, 'text'],
      [19, 'description'],
      [22, 'expression'],
    ]);
  });
});

describe('has nothing against', () => {
  it.each([
    [
      'a path argument that is required',
      PATH,
      params('id: {}', 'required: [id], ').replace('/items', '"/{{ args.id }}"'),
    ],
    ['a path argument with a default', PATH, params('id: { default: me }').replace('/items', '"/{{ args.id }}"')],
    [
      'a path argument of a step that may be skipped',
      PATH,
      `${params('id: {}').replace(PATH, '')}        steps: [{ id: a, when: "{{ args.id }}", request: { path: "/{{ args.id }}" } }, { id: b, request: { path: / } }]\n`,
    ],
    ['args of something else', 'path: /items', 'path: /items\n        result: { value: "{{ response.body.args.x }}" }'],
    ['a declared host', 'path: /items', 'url: https://api.example.com/items?a=b'],
    ['a host of allowHosts', `server:\n`, 'server:\n  allowHosts: [files.example.com, "https://up.example.com/"]\n'],
    ['a host that an expression completes', 'path: /items', 'url: "https://api.{{ input.region }}.example.com/items"'],
    ['a property of the name pattern', PATH, params('pattern: { type: string }, type: { type: string }')],
    [
      'data that looks like a schema',
      PATH,
      params('a: { type: object, default: { type: car, pattern: "(" }, enum: [{ type: car }] }'),
    ],
    ['true as a schema', PATH, params('a: true')],
    ['a secret that is marked', 'name: X-Key', ui('apiKey: { type: string, secret: true }')],
    ['line breaks in a text', 'summary: A demo API for tests.', 'summary: |\n  A demo API,\n  \tfor tests.'],
    [
      'a function and its use',
      'path: /items',
      'path: /items\n        result: { value: "{{ half(4) }}" }\nfunctions: { half: "(a) => a / 2" }',
    ],
    ['scopes that are given', `type: api_key\n      name: X-Key`, `type: oauth2\n      ${config}`],
  ])('%s', (_, part, by) => {
    expect(lint(loadedFrom(replaced(sample, part, by)))).toEqual([]);
  });

  const shipped = new URL('../../connectors/', import.meta.url);
  const names = readdirSync(shipped, { withFileTypes: true })
    .filter((it) => it.isDirectory())
    .map((it) => it.name);
  it.each(names)('the shipped connector %s', (name) => {
    const text = readFileSync(new URL(`${name}/connector.yaml`, shipped), 'utf8');
    expect(lint(loadedFrom(text))).toEqual([]);
  });
});
