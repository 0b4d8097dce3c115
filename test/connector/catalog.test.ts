import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { buildCatalog, type CatalogSource, loadCatalog } from '../../src/connector/catalog.ts';
import { buildConnector, type Connector } from '../../src/connector/connector.ts';
import type { TielineError } from '../../src/errors.ts';
import { loadedFrom, replaced, sample } from './sample.ts';

/** The sample with other names, and more lines at its top. */
function text(connector: string, entity = 'items', action = 'list', more = ''): string {
  const named = replaced(sample, 'connector: demo\n', `connector: ${connector}\n${more}`);
  return replaced(replaced(named, '  items:\n', `  ${entity}:\n`), '      list:\n', `      ${action}:\n`);
}

const built = (file: string, ...given: Parameters<typeof text>): Connector =>
  buildConnector({ ...loadedFrom(text(...given)), file });

describe('buildCatalog', () => {
  it('is sorted by name, whatever the order of the connectors', () => {
    const connectors = [built('1', 'b'), built('2', 'a_b'), built('3', 'a'), built('4', 'c', 'a', 'z')];
    for (const order of [connectors, connectors.toReversed()]) {
      const catalog = buildCatalog(order);
      expect(catalog.connectors.map((it) => it.name)).toEqual(['a', 'a_b', 'b', 'c']);
      expect(catalog.tools.map((it) => it.name)).toEqual(['a_b_items_list', 'a_items_list', 'b_items_list', 'c_a_z']);
    }
  });

  it('finds connectors by name and actions by tool', () => {
    const demo = built('1', 'demo');
    const catalog = buildCatalog([demo]);
    expect(catalog.connector('demo')).toBe(demo);
    expect(catalog.actionOfTool('demo_items_list')).toBe(demo.actions[0]);
    expect(catalog.actionOfTool('demo_items_all')).toBeUndefined();
    expect(catalog.actionOfTool('toString')).toBeUndefined();
  });

  it.each([
    ['gmial', 'Did you mean gmail?'],
    ['slack', 'Use one of: github, gmail'],
    ['constructor', 'Use one of: github, gmail'],
  ])('has no connector %s, and says what to do', (name, hint) => {
    const catalog = buildCatalog([built('1', 'gmail'), built('2', 'github')]);
    expect(() => catalog.connector(name)).toThrow(
      expect.objectContaining({ code: 'connector_unknown', message: `there is no connector ${name}`, hint }),
    );
  });

  it('never changes', () => {
    const catalog = buildCatalog([built('1', 'demo')]);
    for (const part of [catalog, catalog.connectors, catalog.tools]) expect(Object.isFrozen(part)).toBe(true);
    const given = [built('1', 'a')];
    const before = buildCatalog(given);
    given.push(built('2', 'b'));
    expect(before.connectors).toHaveLength(1);
  });

  it.each<[string, Connector[], string]>([
    ['one name', [built('x.yaml', 'a'), built('y.yaml', 'a', 'others')], 'x.yaml and y.yaml both define a'],
    [
      'one tool',
      [built('x.yaml', 'a', 'b_c', 'd'), built('y.yaml', 'a_b', 'c', 'd')],
      'y.yaml: c.d: tool name a_b_c_d is taken by a b_c.d',
    ],
    [
      'one tool within a file',
      [
        buildConnector({
          ...loadedFrom(
            `${text('a', 'b_c', 'd')}  b: { title: B, actions: { c_d: { summary: Another one., effect: read, request: { path: / } } } }\n`,
          ),
          file: 'x.yaml',
        }),
      ],
      'x.yaml: b.c_d: tool name a_b_c_d is taken by a b_c.d',
    ],
    [
      'the name of the tools that manage accounts',
      [built('x.yaml', 'integrations')],
      'x.yaml: the name integrations is reserved',
    ],
    [
      'a name that is cut',
      [built('x.yaml', 'a'.repeat(16), 'b'.repeat(20), 'c'.repeat(11))],
      `x.yaml: ${'b'.repeat(20)}.${'c'.repeat(11)}: tool name ${'a'.repeat(16)}_${'b'.repeat(20)}_${'c'.repeat(11)} is longer than 48`,
    ],
  ])('refuses %s', (_, connectors, message) => {
    expect(() => buildCatalog(connectors)).toThrow(expect.objectContaining({ code: 'definition_invalid', message }));
  });

  it('has room for a name of 48 characters', () => {
    const { tools } = buildCatalog([built('1', 'a'.repeat(16), 'b'.repeat(20), 'c'.repeat(10))]);
    expect(tools[0]?.name).toHaveLength(48);
  });
});

describe('loadCatalog', () => {
  let folder: string;
  const place = async (path: string, content: string) => {
    await mkdir(join(folder, path), { recursive: true });
    await writeFile(join(folder, path, 'connector.yaml'), content);
  };
  const load = async (source: Partial<CatalogSource> & { own?: string[] }) => {
    const problems: TielineError[] = [];
    const folders = (source.own ?? ['good']).map((it) => join(folder, it));
    const { connectors } = await loadCatalog({ ...source, folders }, (error) => problems.push(error));
    return { names: connectors.map((it) => it.name), problems };
  };

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'tieline-'));
    await place('good/beta', text('beta'));
    await place('good/alpha', text('alpha'));
    await place('good/quiet', text('quiet', 'items', 'list', 'optIn: true\n'));
    await place('broken/wrong', replaced(text('wrong'), 'effect: read', 'effect: reads'));
    await place('again/beta', text('beta', 'others'));
    await place('long/long', text('l'.repeat(24), 'm'.repeat(24)));
  });
  afterAll(() => rm(folder, { recursive: true }));

  it.each<[string, Partial<CatalogSource>, string[]]>([
    ['all but those to opt in to', {}, ['alpha', 'beta']],
    ['those too that are named', { named: ['quiet'] }, ['alpha', 'beta', 'quiet']],
    ['the enabled ones only', { enabled: ['beta'] }, ['beta']],
    ['the enabled ones only, also to opt in to', { enabled: ['quiet', 'alpha'] }, ['alpha', 'quiet']],
    ['the enabled ones, whatever is named', { enabled: ['beta'], named: ['quiet'] }, ['beta']],
    ['none', { enabled: [] }, []],
    ['all', { enabled: 'all' }, ['alpha', 'beta', 'quiet']],
  ])('%s', async (_, source, names) => {
    expect(await load(source)).toEqual({ names, problems: [] });
  });

  it.each<[Partial<CatalogSource>]>([[{ enabled: ['beta', 'gamma'] }], [{ named: ['gamma'] }]])(
    'tells of a connector that is turned on and not there: %j',
    async (source) => {
      const error = {
        code: 'config_invalid',
        message: expect.stringContaining('gamma'),
        hint: expect.stringContaining('list --all'),
      };
      expect((await load(source)).problems).toEqual([expect.objectContaining(error)]);
      await expect(loadCatalog({ ...source, folders: [join(folder, 'good')] })).rejects.toMatchObject(error);
    },
  );

  it.each<[string, string[], Partial<CatalogSource>, RegExp]>([
    ['a broken definition', ['good', 'broken'], {}, /wrong\/connector.yaml:20:17 .*effect/],
    [
      'a broken one that is turned on, once',
      ['good', 'broken'],
      { enabled: ['alpha', 'beta', 'wrong'] },
      /wrong\/connector.yaml:20:17/,
    ],
    ['a second connector of one name', ['good', 'again'], {}, /good\/beta\/.* and .*again\/beta\/.* both define beta/],
    ['a tool with too long a name', ['long', 'good'], {}, /long\/connector.yaml: .* is longer than 48/],
  ])('goes on without %s', async (_, own, source, message) => {
    const { names, problems } = await load({ own, ...source });
    expect(names).toEqual(['alpha', 'beta']);
    expect(problems).toEqual([
      expect.objectContaining({ code: 'definition_invalid', message: expect.stringMatching(message) }),
    ]);
    const folders = own.map((it) => join(folder, it));
    await expect(loadCatalog({ ...source, folders })).rejects.toMatchObject({
      message: expect.stringMatching(message),
    });
  });

  it('does not mind twins of which one is off', async () => {
    expect(await load({ own: ['good', 'again'], enabled: ['alpha'] })).toEqual({ names: ['alpha'], problems: [] });
  });
});
