import { describe, expect, it } from 'vitest';
import { type Action, buildAction } from '../../src/connector/action.ts';
import { buildConnector } from '../../src/connector/connector.ts';
import { loadedFrom, replaced, sample } from './sample.ts';

const PATH = '        request:\n          path: /items\n';

function action(...changes: readonly (readonly [string, string])[]): Action {
  const text = changes.reduce((changed, [part, by]) => replaced(changed, part, by), sample);
  return buildConnector(loadedFrom(text)).action('items', 'list');
}

describe('the tool of an action', () => {
  it('is what MCP lists', () => {
    expect(action().tool).toEqual({
      name: 'demo_items_list',
      title: 'Demo: list items',
      description: 'All the items there are.',
      inputSchema: {
        type: 'object',
        properties: { integration: { type: 'string', description: expect.stringContaining('default account') } },
        additionalProperties: false,
      },
      annotations: {
        title: 'Demo: list items',
        readOnlyHint: true,
        destructiveHint: false,
        idempotentHint: true,
        openWorldHint: true,
      },
    });
  });

  it('takes its own title', () => {
    expect(action([PATH, `        title: Look around\n${PATH}`]).tool.title).toBe('Demo: Look around');
  });

  it('has words without underscores in its title', () => {
    const text = replaced(replaced(sample, '  items:', '  old_items:'), '      list:', '      list_all:');
    const [only] = buildConnector(loadedFrom(text)).actions;
    expect(only?.tool).toMatchObject({ name: 'demo_old_items_list_all', title: 'Demo: list all old items' });
  });

  it.each([
    ['read', false, true, true],
    ['idempotent', false, false, true],
    ['create', false, false, false],
    ['update', true, false, false],
  ])('with effect %s, destructive %s', (effect, destructive, readOnlyHint, idempotentHint) => {
    const { annotations } = action(['effect: read', `effect: ${effect}\n        destructive: ${destructive}`]).tool;
    expect(annotations).toMatchObject({ readOnlyHint, destructiveHint: destructive, idempotentHint });
  });

  it('takes its parameters, references copied out, and integration', () => {
    const params = `        params:
          type: object
          required: [kind]
          properties: { kind: { $ref: "#/schemas/kind" }, file: { x-file: true } }
${PATH}schemas: { kind: { type: string, enum: [a, b] } }
`;
    const { tool, params: own } = action([PATH, params]);
    expect(tool.inputSchema).toMatchObject({ required: ['kind'], additionalProperties: false });
    expect(Object.keys(tool.inputSchema.properties as object)).toEqual(['kind', 'file', 'integration']);
    expect(own.properties).toMatchObject({ kind: { enum: ['a', 'b'] }, file: { required: ['name'] } });
    expect(own.properties).not.toHaveProperty('integration');
  });
});

describe('pagination', () => {
  const rule = '{ kind: page, send: { name: page }, total: "{{ response.body.total }}"';

  it.each([
    ['by name', 'pages', `pagination: { pages: ${rule} } }\n`],
    ['of its own', `${rule} }`, ''],
  ])('%s adds cursor', (_, paginate, rest) => {
    const { tool, pagination } = action([PATH, `        paginate: ${paginate}\n${PATH}${rest}`]);
    expect(pagination).toMatchObject({ kind: 'page', start: 1 });
    expect(Object.keys(tool.inputSchema.properties as object)).toEqual(['integration', 'cursor']);
  });

  it('with a page size adds limit', () => {
    const limit = '{ name: perPage, default: 10, max: 50 }';
    const { tool } = action([PATH, `        paginate: ${rule}, limit: ${limit} }\n${PATH}`]);
    expect(tool.inputSchema.properties).toMatchObject({ limit: { type: 'integer', minimum: 1, maximum: 50 } });
  });

  it.each(['missing', 'toString'])('by the name %s, which is no rule, is refused', (paginate) => {
    const { definition } = loadedFrom(sample);
    const spec = { ...definition.entities.items!.actions.list!, paginate };
    expect(() => buildAction(definition, 'items', 'list', spec)).toThrow(
      expect.objectContaining({
        code: 'definition_invalid',
        message: `items.list: there is no pagination rule ${paginate}`,
      }),
    );
  });
});

it('retries as the action says, else as the connector says', () => {
  const both = `        retry: { attempts: 5 }\n${PATH}retry: { attempts: 2 }\n`;
  expect(action([PATH, both]).retry?.attempts).toBe(5);
  expect(action([PATH, `${PATH}retry: { attempts: 2 }\n`]).retry?.attempts).toBe(2);
  expect(action().retry).toBeUndefined();
});

it('compiles its plan once, and only when asked', () => {
  const broken = action(['path: /items', 'path: "/items/{{ args. }}"']);
  expect(() => broken.plan()).toThrow(expect.objectContaining({ code: 'definition_invalid' }));
  const whole = action();
  expect(whole.plan()).toBe(whole.plan());
  expect(whole.plan().steps).toMatchObject([{ request: { method: 'GET' } }]);
});
