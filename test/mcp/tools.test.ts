import { describe, expect, it } from 'vitest';
import { INTEGRATION_ARGUMENT, type Tool } from '../../src/connector/action.ts';
import { buildCatalog } from '../../src/connector/catalog.ts';
import type { Engine } from '../../src/execute/engine.ts';
import { openPolicy, type Policy } from '../../src/execute/policy.ts';
import type { Integrations } from '../../src/integration/integration.ts';
import { memoryKeystore } from '../../src/keystore/keystore.ts';
import { storeKey } from '../../src/keystore/store.ts';
import { toolListJson } from '../../src/mcp/tooljson.ts';
import { listTools } from '../../src/mcp/tools.ts';
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

type Given = { who?: typeof alice; all?: Record<string, Integrations>; policy?: Record<string, Policy> };

/** What is listed of connectors; made in both ways, which have to agree. */
async function list({ who = alice, all = {}, policy = {} }: Given = {}): Promise<readonly Tool[]> {
  const keystore = await memoryKeystore();
  for (const [connector, integrations] of Object.entries(all)) {
    await keystore.write(storeKey('integrations', who.organization, who.user, connector), integrations);
  }
  const engine = { catalog, keystore, policy: (connector: string) => policy[connector] ?? openPolicy } as Engine;
  const tools = await listTools(engine, who);
  expect(Buffer.concat(await toolListJson(engine, who)).toString()).toBe(JSON.stringify(tools));
  await keystore.close();
  return tools.filter((it) => !it.name.startsWith('integrations_'));
}

const names = async (given?: Given) => (await list(given)).map((it) => it.name);
const ALL = ['another_things_list', 'sample_things_create', 'sample_things_get', 'sample_things_list'];

describe('the tools of a caller', () => {
  it('is sorted by name, and the same each time', async () => {
    expect(await names()).toEqual(ALL);
    const all = { sample: accounts(['b', 'a']) };
    expect(JSON.stringify(await list({ all }))).toBe(JSON.stringify(await list({ all })));
  });

  it('gives the very tools of the catalog where there is no account to name', async () => {
    for (const tool of await list({ all: { sample: accounts([]) } })) expect(catalog.tools).toContain(tool);
  });

  it.each([
    ['what reads', new Set(['read' as const]), ALL.filter((it) => !it.includes('create'))],
    ['what writes', new Set(['write' as const]), ['sample_things_create']],
    ['nothing', new Set(['manage' as const]), []],
  ])('shows %s to a caller with those scopes', async (_, scopes, expected) => {
    expect(await names({ who: { ...alice, scopes } })).toEqual(expected);
  });

  it.each<[string, Policy, string[]]>([
    [
      'that reads only',
      { ...openPolicy, readOnly: true },
      ['another_things_list', 'sample_things_get', 'sample_things_list'],
    ],
    ['that allows some', { ...openPolicy, allow: ['*.get'] }, ['another_things_list', 'sample_things_get']],
    ['that denies all', { ...openPolicy, deny: ['*'] }, ['another_things_list']],
  ])('holds to a policy %s', async (_, policy, expected) => {
    expect(await names({ policy: { sample: policy } })).toEqual(expected);
  });

  it('names the accounts of the connector at hand, the default one among them', async () => {
    const tools = await list({ all: { sample: accounts(['work', 'home'], 1), another: accounts(['x']) } });
    const descriptions = tools.map((it) => {
      const { properties } = it.inputSchema as { properties: { integration: { description: string } } };
      return properties.integration.description;
    });
    const ours = 'Identifier of the account to use: work, home (default).';
    expect(descriptions).toEqual(['Identifier of the account to use: x (default).', ours, ours, ours]);
  });

  it('names no more than twelve', async () => {
    const [tool] = await list({ all: { another: accounts(Array.from({ length: 15 }, (_, i) => `n${i}`)) } });
    expect(JSON.stringify(tool)).toContain('n10, n11, and 3 more.');
    expect(JSON.stringify(tool)).not.toContain('n12');
  });

  it('changes nothing of a tool but that one argument', async () => {
    const before = JSON.stringify(catalog.tools);
    const named = await list({ all: { sample: accounts(['work']), another: accounts(['work']) } });
    const description = 'Identifier of the account to use: work (default).';
    expect(JSON.stringify(named).replaceAll(description, INTEGRATION_ARGUMENT.description)).toBe(before);
    expect(JSON.stringify(catalog.tools)).toBe(before);
  });
});
