import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { definitionFiles } from '../../src/connector/files.ts';
import { loadDefinition, readDefinition } from '../../src/connector/load.ts';
import { loadedFrom, problemsOf, replaced, sample, textAt } from './sample.ts';

const PATH = '        request:\n          path: /items\n';

describe('readDefinition', () => {
  it('fills in what is left out', () => {
    const { definition, file } = loadedFrom(sample);
    expect(file).toBe('connector.yaml');
    expect(definition.server.timeouts).toEqual({ connect: 5_000, read: 30_000, total: 50_000 });
    expect(definition.server.maxResponse).toBe(8 * 1024 * 1024);
    expect(definition.auth.options.key).toMatchObject({ in: 'header', value: '{{ credentials.apiKey }}' });
    expect(definition.entities.items?.actions.list).toMatchObject({ destructive: false, request: { method: 'GET' } });
  });

  it('tells all problems of a file at once', () => {
    let text = replaced(sample, 'title: Demo', 'titel: Demo');
    text = replaced(text, 'type: api_key', 'type: apikey');
    text = replaced(text, 'effect: read', 'effect: reads');
    text = replaced(text, 'path: /items', 'path: [/items]\n          metod: GET');
    expect(problemsOf(text).map((it) => `${it.line}: ${it.message}`)).toEqual([
      '1: `title` is missing: expected string',
      '4: unknown key `titel`; did you mean `title`?',
      expect.stringMatching(/^12: `auth\.options\.key\.type`: expected one of "none"\|"api_key"\|"basic"\|.*"oauth2"/),
      '20: `entities.items.actions.list.effect`: expected one of "read"|"idempotent"|"create"|"update"',
      '22: `entities.items.actions.list.request.path`: expected string, received array',
      '23: unknown key `metod`; did you mean `method`?',
    ]);
  });

  it('tells all dangling names at once, each once', () => {
    const more = ['get', 'find'].map((name) =>
      [
        `      ${name}:`,
        '        summary: One of the items there are.',
        '        effect: read',
        '        paginate: none',
        '        params: { $ref: "#/schemas/a" }',
        PATH,
      ].join('\n'),
    );
    const text = `${sample}${more.join('')}schemas: { a: { properties: { b: { $ref: "#/schemas/c" } } } }\n`;
    expect(problemsOf(text).map((it) => it.message)).toEqual([
      '`entities.items.actions.get.paginate`: there is no pagination rule none',
      '`entities.items.actions.find.paginate`: there is no pagination rule none',
      '`schemas.a.properties.b.$ref`: $ref #/schemas/c names no schema of this file',
    ]);
  });

  it('tells where broken YAML is broken', () => {
    const text = replaced(sample, 'effect: read', 'effect: [read');
    expect(problemsOf(text)).toEqual([
      { file: 'connector.yaml', line: 21, column: 9, rule: 'yaml', message: expect.stringContaining('indentation') },
    ]);
  });

  it('has room for a definition of 1 MB and not for one character more', () => {
    const comment = (bytes: number) => `${sample}#${'é'.repeat(10)}${'x'.repeat(bytes - sample.length - 21)}`;
    expect(problemsOf(comment(1024 * 1024))).toEqual([]);
    expect(problemsOf(comment(1024 * 1024 + 1))).toEqual([
      { file: 'connector.yaml', line: 1, column: 1, rule: 'size', message: 'the file is larger than 1 MB' },
    ]);
  });

  it('refuses references that would grow to gigabytes', () => {
    const twice = (name: string) =>
      `{ type: object, properties: { a: { $ref: "#/schemas/${name}" }, b: { $ref: "#/schemas/${name}" } } }`;
    const schemas = Array.from(
      { length: 40 },
      (_, i) => `  s${i}: ${i === 39 ? '{ type: string }' : twice(`s${i + 1}`)}\n`,
    );
    const text = `${replaced(sample, PATH, `        params: ${twice('s0')}\n${PATH}`)}schemas:\n${schemas.join('')}`;
    const problems = problemsOf(text);
    expect(problems.map((it) => it.message)).toEqual([expect.stringContaining('over 20000 parts')]);
    expect(textAt(text, problems[0]!)).toBe(twice('s0'));
  });

  it('leaves the prototype alone, wherever __proto__ stands', () => {
    const text = replaced(
      `${sample}__proto__: { optIn: true }\n`,
      PATH,
      `        params: { type: object, __proto__: { polluted: true }, properties: { __proto__: { default: 1 } } }\n${PATH}`,
    );
    expect(problemsOf(text).map((it) => it.message)).toEqual(['unknown key `__proto__`']);
    const { definition } = loadedFrom(replaced(text, '__proto__: { optIn: true }\n', ''));
    const { params } = definition.entities.items!.actions.list!;
    expect(Object.getPrototypeOf(params)).toBe(Object.prototype);
    expect(params).not.toHaveProperty('polluted');
    expect({}).not.toHaveProperty('polluted');
  });
});

describe('files', () => {
  let folder: string;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'tieline-'));
    for (const name of ['zeta', 'Alpha', 'beta', 'empty']) await mkdir(join(folder, 'own', name), { recursive: true });
    for (const name of ['zeta', 'Alpha', 'beta']) await writeFile(join(folder, 'own', name, 'connector.yaml'), sample);
    await mkdir(join(folder, 'own', 'odd', 'connector.yaml'), { recursive: true });
    await writeFile(join(folder, 'own', 'connector.yaml'), sample);
    await mkdir(join(folder, 'linked'));
    await symlink(join(folder, 'own', 'beta'), join(folder, 'linked', 'beta'));
  });
  afterAll(() => rm(folder, { recursive: true }));

  it('are those one level below each folder, by name', async () => {
    const found = await definitionFiles([join(folder, 'own'), join(folder, 'linked')]);
    expect(found.map((it) => relative(folder, it))).toEqual([
      'own/Alpha/connector.yaml',
      'own/beta/connector.yaml',
      'own/zeta/connector.yaml',
      'linked/beta/connector.yaml',
    ]);
  });

  it.each(['missing', 'own/connector.yaml'])('%s is no folder', async (name) => {
    await expect(definitionFiles([join(folder, name)])).rejects.toMatchObject({
      code: 'config_invalid',
      message: `there is no folder ${join(folder, name)}`,
      hint: expect.stringContaining('TIELINE_CONNECTORS'),
    });
  });

  it('are read with their path from here', async () => {
    const file = join(folder, 'own', 'beta', 'connector.yaml');
    const { definition, file: shown } = await loadDefinition(file);
    expect(definition.connector).toBe('demo');
    expect(shown).toBe(relative(process.cwd(), file));
  });

  it('fail with every problem they have', async () => {
    const file = join(folder, 'broken.yaml');
    await writeFile(file, replaced(replaced(sample, 'title: Demo', 'titel: Demo'), 'effect: read', 'effect: reads'));
    const error = await loadDefinition(file).catch((reason: unknown) => reason);
    const shown = relative(process.cwd(), file);
    expect(error).toMatchObject({ code: 'definition_invalid', hint: expect.stringContaining('connectors lint') });
    expect((error as Error).message.split('\n')).toEqual([
      'the definition has 3 problems:',
      `${shown}:1:1 \`title\` is missing: expected string (format)`,
      `${shown}:4:1 unknown key \`titel\`; did you mean \`title\`? (format)`,
      `${shown}:20:17 \`entities.items.actions.list.effect\`: expected one of "read"|"idempotent"|"create"|"update" (format)`,
    ]);
  });

  it('are not read when they are larger than 1 MB', async () => {
    const file = join(folder, 'large.yaml');
    await writeFile(file, Buffer.alloc(1024 * 1024 + 1, '#'));
    await expect(loadDefinition(file)).rejects.toMatchObject({
      code: 'definition_invalid',
      message: expect.stringContaining('large.yaml:1:1 the file is larger than 1 MB (size)'),
    });
  });
});

it('is pure: the same text gives the same definition', () => {
  expect(readDefinition(sample, 'a')).toMatchObject({
    loaded: { definition: loadedFrom(sample).definition, file: 'a' },
  });
});
