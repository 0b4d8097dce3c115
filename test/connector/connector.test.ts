import { describe, expect, it } from 'vitest';
import { buildConnector } from '../../src/connector/connector.ts';
import { loadedFrom, replaced, sample } from './sample.ts';

const PATH = '        request:\n          path: /items\n';
const aliased = replaced(sample, PATH, `        aliases: [items.all, things.list]\n${PATH}`);
const build = (text: string) => buildConnector(loadedFrom(text));

describe('action', () => {
  it.each([
    ['items', 'list'],
    ['items', 'all'],
    ['things', 'list'],
  ])('%s %s', (entity, name) => {
    const connector = build(aliased);
    expect(connector.action(entity, name)).toBe(connector.actions[0]);
  });

  it.each([
    ['items', 'lst', 'demo has no action items.lst', 'Use one of: items.list'],
    ['items', 'toString', 'demo has no action items.toString', 'Use one of: items.list'],
    ['item', 'list', 'demo has no entity item', 'Use one of: items'],
    ['toString', 'list', 'demo has no entity toString', 'Use one of: items'],
    ['__proto__', 'list', 'demo has no entity __proto__', 'Use one of: items'],
    ['', '', 'demo has no entity ', 'Use one of: items'],
  ])('%s %s is not there, and what is there is told', (entity, name, message, hint) => {
    const find = () => build(aliased).action(entity, name);
    expect(find).toThrow(expect.objectContaining({ code: 'action_unknown', message, hint }));
  });

  it('is refused when two have one name', () => {
    const { definition, file } = loadedFrom(sample);
    const list = { ...definition.entities.items!.actions.list!, aliases: ['items.list'] };
    const twice = { ...definition, entities: { items: { title: 'Items', actions: { list } } } };
    expect(() => buildConnector({ definition: twice, file })).toThrow(
      expect.objectContaining({ code: 'definition_invalid', message: 'demo has two actions items.list' }),
    );
  });
});

describe('auth options', () => {
  const two = replaced(
    sample,
    '  options:\n',
    `  methods:
    test: { request: { path: /me } }
    getCredentialsFromConnectionParameters: { mapping: { a: shared } }
  options:
    guest:
      title: Nobody
      type: none
      methods: { getCredentialsFromConnectionParameters: { mapping: { a: own } } }
`,
  );

  it('are there in order, the first as default', () => {
    const { options, defaultOption } = build(two);
    expect([...options.keys()]).toEqual(['guest', 'key']);
    expect(defaultOption.key).toBe('guest');
  });

  it('have the default that is named', () => {
    expect(build(replaced(two, 'auth:\n', 'auth:\n  default: key\n')).defaultOption.key).toBe('key');
  });

  it('have the methods of all options, and their own before those', () => {
    const { options } = build(two);
    const mapping = (key: string) => options.get(key)?.methods.getCredentialsFromConnectionParameters?.mapping;
    expect(mapping('guest')).toEqual({ a: 'own' });
    expect(mapping('key')).toEqual({ a: 'shared' });
    expect(options.get('guest')?.methods.test?.request?.path).toBe('/me');
  });
});

describe('what is compiled when first used', () => {
  it('server', () => {
    const text = replaced(
      sample,
      'https://api.example.com',
      '"{{ settings.base }}"\n  maxResponse: 1MB\n  timeouts: { read: 40s }',
    );
    const connector = build(text);
    const server = connector.server();
    expect(server.baseUrl.evaluate({ settings: { base: 'https://x.example' } })).toBe('https://x.example');
    expect(server).toMatchObject({ maxBytes: 1024 ** 2, timeouts: { connect: 5_000, read: 40_000, total: 50_000 } });
    expect(connector.server()).toBe(server);
  });

  it('identity, whose identifier is the label by default', () => {
    const identity = 'identity: { request: { path: /me }, key: "{{ response.id }}", label: "{{ response.mail }}"';
    const scope = { response: { id: 7, mail: 'a@example.com', login: 'ann' } };
    const byDefault = build(`${sample}${identity} }\n`).identity();
    expect([byDefault?.key.evaluate(scope), byDefault?.identifier.evaluate(scope)]).toEqual([7, 'a@example.com']);
    const named = build(`${sample}${identity}, identifier: "{{ response.login }}" }\n`).identity();
    expect(named?.identifier.evaluate(scope)).toBe('ann');
    expect(build(sample).identity()).toBeUndefined();
  });
});
