import { describe, expect, it } from 'vitest';
import { checkPolicy, isAllowed, openPolicy } from '../../src/execute/policy.ts';
import { alice, connectorOf, failureOf, reading, things } from './stage.ts';

const request = { path: '/' };
const connector = connectorOf({
  server: { baseUrl: 'https://a.example' },
  entities: {
    ...things({
      list: { ...reading, request },
      get: { ...reading, request },
      drop: { ...reading, effect: 'idempotent', destructive: true, request: { ...request, method: 'DELETE' } },
      create: { ...reading, effect: 'create', aliases: ['things.add'], request: { ...request, method: 'POST' } },
    }),
    other_things: { title: 'Others', actions: { list: { ...reading, request } } },
  },
});
const allowed = (policy: Partial<typeof openPolicy>) =>
  connector.actions.filter((it) => isAllowed({ ...openPolicy, ...policy }, it)).map((it) => `${it.entity}.${it.name}`);

const ALL = ['things.list', 'things.get', 'things.drop', 'things.create', 'other_things.list'];

describe('isAllowed', () => {
  it.each([
    ['everything by default', {}, ALL],
    ['what reads', { readOnly: true }, ['things.list', 'things.get', 'other_things.list']],
    ['all that destroys nothing', { destructive: false }, ALL.filter((it) => it !== 'things.drop')],
    ['one action', { allow: ['things.get'] }, ['things.get']],
    ['one entity', { allow: ['things.*'] }, ['things.list', 'things.get', 'things.drop', 'things.create']],
    ['one name', { allow: ['*.list'] }, ['things.list', 'other_things.list']],
    ['a part of names', { allow: ['*things.*t'] }, ['things.list', 'things.get', 'other_things.list']],
    ['all', { allow: ['*'] }, ALL],
    ['nothing', { allow: [] }, []],
    ['all but one', { deny: ['things.create'] }, ALL.filter((it) => it !== 'things.create')],
    ['nothing that is also denied', { allow: ['things.*'], deny: ['*.get', '*.create', '*.drop'] }, ['things.list']],
    ['no write that is allowed by name', { readOnly: true, allow: ['things.create'] }, []],
    ['the whole pair only', { allow: ['things', 'list', 'hings.list', 'things.lis'] }, []],
    ['a dot only as a dot', { allow: ['things?list', 'things[.]list', 'things list'] }, []],
  ])('lets through %s', (_, policy, expected) => {
    expect(allowed(policy)).toEqual(expected);
  });

  it.each(['(', '[', '\\', '+', '{1', '^things.list$', '(?:)'])('takes %j literally', (pattern) => {
    expect(allowed({ allow: [pattern] })).toEqual([]);
    expect(allowed({ deny: [pattern] })).toEqual(ALL);
  });
});

describe('checkPolicy', () => {
  const create = connector.action('things', 'add');
  const list = connector.action('things', 'list');

  it('lets through what operator and scopes allow', () => {
    expect(() => checkPolicy(openPolicy, alice, create)).not.toThrow();
  });

  it.each(['create', 'list'])('lets through %s by the scope of its connector', (name) => {
    const scopes = new Set([name === 'list' ? ('sample:read' as const) : ('sample:write' as const)]);
    expect(() => checkPolicy(openPolicy, { ...alice, scopes }, connector.action('things', name))).not.toThrow();
  });

  it.each([
    ['a write by what reads', 'sample:read'],
    ['an action by the scope of another connector', 'sampler:write'],
    ['an action by the scope of another, whose name ends alike', 'other:sample:write'],
  ] as const)('refuses %s', async (_, scope) => {
    const refused = () => checkPolicy(openPolicy, { ...alice, scopes: new Set([scope]) }, create);
    expect((await failureOf(refused)).code).toBe('policy_denied');
  });

  it.each([
    ['an action behind its alias', { ...openPolicy, deny: ['things.create'] }, alice, create, 'is switched off'],
    [
      'a write of a reader',
      openPolicy,
      { ...alice, scopes: new Set(['read' as const]) },
      create,
      'needs the scope write',
    ],
    ['a read of a writer', openPolicy, { ...alice, scopes: new Set(['write' as const]) }, list, 'needs the scope read'],
    ['anything without scopes', openPolicy, { ...alice, scopes: new Set<never>() }, list, 'needs the scope read'],
  ])('refuses %s', async (_, policy, who, action, message) => {
    const error = await failureOf(() => checkPolicy(policy, who, action));
    expect(error.code).toBe('policy_denied');
    expect(error.message).toContain(message);
    expect(error.hint).toBeDefined();
  });
});
