import { describe, expect, it } from 'vitest';
import { INTEGRATION_ARGUMENT } from '../../src/connector/action.ts';
import { buildCatalog } from '../../src/connector/catalog.ts';
import { openPolicy, type Policy } from '../../src/execute/policy.ts';
import type { Integrations } from '../../src/integration/integration.ts';
import { toolList } from '../../src/mcp/tools.ts';
import { alice, connectorOf, reading, things } from '../execute/stage.ts';

const request = { path: '/' };
const server = { baseUrl: 'https://a.example' };
const params = { type: 'object', required: ['id'], properties: { id: { type: 'string' } } };
const catalog = buildCatalog([
  connectorOf({
    server,
    entities: things({
      list: { ...reading, request },
      get: { ...reading, params, request },
      create: { ...reading, effect: 'create', request: { ...request, method: 'POST' } },
    }),
  }),
  connectorOf({ server, connector: 'another', entities: things({ list: { ...reading, request } }) }),
]);

function accounts(identifiers: readonly string[], standard = 0): Integrations {
  const items = identifiers.map((identifier, i) => ({
    id: String(i),
    connector: 'sample',
    identifier,
    option: 'token',
    settings: {},
    account: {},
    createdAt: i,
  }));
  return { items, default: items[standard]?.id ?? null };
}

function list(more: { who?: typeof alice; all?: Record<string, Integrations>; policy?: Record<string, Policy> } = {}) {
  const { who = alice, all = {}, policy = {} } = more;
  return toolList(catalog, who, new Map(Object.entries(all)), (connector) => policy[connector] ?? openPolicy);
}

const names = (...more: Parameters<typeof list>) => list(...more).map((it) => it.name);
const ALL = ['another_things_list', 'sample_things_create', 'sample_things_get', 'sample_things_list'];

describe('toolList', () => {
  it('is sorted by name, and the same each time', () => {
    expect(names()).toEqual(ALL);
    const all = { sample: accounts(['b', 'a']) };
    expect(JSON.stringify(list({ all }))).toBe(JSON.stringify(list({ all })));
  });

  it('gives the very tools of the catalog where there is no account to name', () => {
    for (const tool of list({ all: { sample: accounts([]) } })) expect(catalog.tools).toContain(tool);
  });

  it.each([
    ['what reads', new Set(['read' as const]), ALL.filter((it) => !it.includes('create'))],
    ['what writes', new Set(['write' as const]), ['sample_things_create']],
    ['nothing', new Set(['manage' as const]), []],
  ])('shows %s to a caller with those scopes', (_, scopes, expected) => {
    expect(names({ who: { ...alice, scopes } })).toEqual(expected);
  });

  it.each<[string, Policy, string[]]>([
    [
      'that reads only',
      { ...openPolicy, readOnly: true },
      ['another_things_list', 'sample_things_get', 'sample_things_list'],
    ],
    ['that allows some', { ...openPolicy, allow: ['*.get'] }, ['another_things_list', 'sample_things_get']],
    ['that denies all', { ...openPolicy, deny: ['*'] }, ['another_things_list']],
  ])('holds to a policy %s', (_, policy, expected) => {
    expect(names({ policy: { sample: policy } })).toEqual(expected);
  });

  it('names the accounts of the connector at hand, the default one among them', () => {
    const tools = list({ all: { sample: accounts(['work', 'home'], 1), another: accounts(['x']) } });
    const descriptions = tools.map((it) => {
      const { properties } = it.inputSchema as { properties: { integration: { description: string } } };
      return properties.integration.description;
    });
    const ours = 'Identifier of the account to use: work, home (default).';
    expect(descriptions).toEqual(['Identifier of the account to use: x (default).', ours, ours, ours]);
  });

  it('names no more than twelve', () => {
    const [tool] = list({ all: { another: accounts(Array.from({ length: 15 }, (_, i) => `n${i}`)) } });
    expect(JSON.stringify(tool)).toContain('n10, n11, and 3 more.');
    expect(JSON.stringify(tool)).not.toContain('n12');
  });

  it('changes nothing of a tool but that one argument', () => {
    const before = JSON.stringify(catalog.tools);
    const named = list({ all: { sample: accounts(['work']), another: accounts(['work']) } });
    const description = 'Identifier of the account to use: work (default).';
    expect(JSON.stringify(named).replaceAll(description, INTEGRATION_ARGUMENT.description)).toBe(before);
    expect(JSON.stringify(catalog.tools)).toBe(before);
  });
});
