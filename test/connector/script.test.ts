import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { checkFiles } from '../../src/cli/lint.ts';
import { buildConnector } from '../../src/connector/connector.ts';
import { lint } from '../../src/connector/lint.ts';
import { loadDefinition } from '../../src/connector/load.ts';
import { functionIn, isAsync } from '../../src/connector/script.ts';
import { loadSandbox, Scripts } from '../../src/expression/sandbox.ts';
import { loadedFrom, problemsOf, replaced, sample, textAt } from './sample.ts';

beforeAll(loadSandbox);

/** The sample with these methods in its only option. */
const withMethods = (methods: object): string =>
  replaced(sample, '      name: X-Key\n', `      name: X-Key\n      methods: ${JSON.stringify(methods)}\n`);

describe('functionIn', () => {
  it.each<[string, string]>([
    ['an arrow function', '(n) => n + 1'],
    ['one with a semicolon', '(n) => n + 1;\n'],
    ['one between comments', '/* one */ // export default\n(n) => n + 1; // more; than\n/* this; */\n'],
    ['an export', 'export default (n) => n + 1;'],
    ['an export of a function', '// it\nexport  default function add(n) { return n + 1; }\n'],
    ['lines of Windows', '\uFEFFexport default (n) => {\r\n  return n + 1;\r\n};\r\n'],
  ])('gives %s', (_, text) => {
    const scripts = new Scripts();
    expect(scripts.evaluate(`(${functionIn(text)}\n)(1)`, {})).toBe(2);
    scripts.dispose();
  });

  it('leaves each line where it was', () => {
    expect(functionIn('// a\nexport default\n  (n) => {\n; };').split('\n')).toEqual([
      '// a',
      '              ',
      '  (n) => {',
      '; }',
    ]);
  });

  it.each<[string, boolean]>([
    ['async () => 1', true],
    [' // it\n async function f() {}', true],
    ['(async) => 1', false],
    ['asynchronous => 1', false],
  ])('%s is async: %s', (text, expected) => {
    expect(isAsync(text)).toBe(expected);
  });
});

describe('a method', () => {
  const request = { path: '/x' };
  const javascript = '() => ({})';
  const file = 'it.js';
  it.each<[string, object]>([
    ['refreshCredentials', { javascript }],
    ['refreshCredentials', { request, file }],
    ['getTokenData', { javascript }],
    ['getTokenData', { request, mapping: {} }],
    ['test', { request, ok: '{{ true }}' }],
    ['test', { javascript: 'async ({ http }) => http({ path: "/" })' }],
    ['test', { implementationType: 'javascript', file: 'methods/it.mjs' }],
    ['revoke', { request, implementationType: 'mapping' }],
    ['revoke', { file }],
    ['makeApiClient', { file }],
  ])('%s may be %o', (name, method) => {
    expect(problemsOf(withMethods({ [name]: method }))).toEqual([]);
  });

  it.each<[string, object, RegExp]>([
    ['refreshCredentials', { request }, /needs either/],
    ['refreshCredentials', { javascript, file }, /needs either/],
    ['getTokenData', { mapping: {} }, /what the mapping reads/],
    ['getTokenData', { request }, /needs either/],
    ['test', {}, /needs either/],
    ['test', { request, javascript }, /needs either/],
    ['test', { javascript, ok: '{{ true }}' }, /is for a request/],
    ['test', { file, implementationType: 'mapping' }, /is not what is given/],
    ['revoke', {}, /needs either/],
    ['makeApiClient', { javascript: 'async () => ({})' }, /is async, but the method runs for each request/],
    ['getOAuthConfig', { javascript: '// x\nasync () => ({})' }, /is async/],
    ['getOAuth1Config', { javascript: 'async () => ({})' }, /is async/],
    ...[
      '../it.js',
      '/it.js',
      'a/../../it.js',
      '..',
      '.js',
      '.hidden.js',
      'it.ts',
      'it',
      'a//it.js',
      'a\\it.js',
      'C:/it.js',
    ].map((name): [string, object, RegExp] => ['revoke', { file: name }, /in the folder of the connector/]),
  ])('%s may not be %o', (name, method, message) => {
    expect(problemsOf(withMethods({ [name]: method })).map((it) => it.message)).toEqual([
      expect.stringMatching(message),
    ]);
  });

  it.each<[string, string, string]>([
    ['a slip', '({ input }) => {\n  return {;\n}', 'line 2 of the function: '],
    ['no function', '5', 'line 1 of the function: it is not a function'],
    ['what is not there', 'fetch', "line 1 of the function: 'fetch' is not defined"],
  ])('with %s in it is found by lint', (_, source, message) => {
    const text = withMethods({ revoke: { javascript: source } });
    const problems = lint(loadedFrom(text));
    expect(problems.map((it) => [it.rule, it.message])).toEqual([['script', expect.stringContaining(message)]]);
    expect(textAt(text, problems[0] ?? { line: 0, column: 0 })).toMatch(/^"/);
  });

  it('may hold braces that would be an expression elsewhere', () => {
    const source = '() => { const a = {b: {c: 1}}; { { return a } } }';
    expect(lint(loadedFrom(withMethods({ revoke: { javascript: `${source} // {{ ( }}` } })))).toEqual([]);
  });
});

describe('a file with a method', () => {
  let root: string;
  let folder: string;
  let definition: string;
  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), 'tieline-'));
    folder = join(root, 'demo');
    definition = join(folder, 'connector.yaml');
    await mkdir(join(folder, 'methods'), { recursive: true });
    return () => rm(root, { recursive: true });
  });

  const named = (file: string, name = 'refreshCredentials') =>
    writeFile(definition, withMethods({ [name]: { implementationType: 'javascript', file } }));
  const problems = async () => (await checkFiles([definition])).problems;

  it.each(['refresh.js', 'methods/refresh.mjs'])('is read with the definition: %s', async (name) => {
    await named(name);
    await writeFile(join(folder, name), 'export default async ({ http }) => ({ n: 1 });\n');
    expect(await problems()).toEqual([]);
    const { methods } = buildConnector(await loadDefinition(definition)).defaultOption;
    expect(methods.refreshCredentials).toMatchObject({ file: name, javascript: expect.stringContaining('({ n: 1 })') });
  });

  it('may stand in a folder that is a link', async () => {
    await named('refresh.js');
    await writeFile(join(folder, 'refresh.js'), '() => ({})');
    await symlink(folder, join(root, 'linked'));
    await expect(loadDefinition(join(root, 'linked', 'connector.yaml'))).resolves.toBeDefined();
  });

  it.each<[string, () => Promise<unknown>, string]>([
    ['missing', async () => {}, 'there is no file refresh.js in the folder of the connector'],
    ['a folder', () => mkdir(join(folder, 'refresh.js')), 'refresh.js is not a file'],
    [
      'too large',
      () => writeFile(join(folder, 'refresh.js'), Buffer.alloc(256 * 1024 + 1, ' ')),
      'refresh.js is larger than 256 KB',
    ],
    [
      'a link out of the folder',
      async () => {
        await writeFile(join(root, 'outside.js'), '() => ({})');
        await symlink(join(root, 'outside.js'), join(folder, 'refresh.js'));
      },
      'refresh.js leads out of the folder of the connector',
    ],
    [
      'a link to a neighbour whose name begins alike',
      async () => {
        await mkdir(join(root, 'demo2'));
        await writeFile(join(root, 'demo2', 'it.js'), '() => ({})');
        await symlink(join(root, 'demo2', 'it.js'), join(folder, 'refresh.js'));
      },
      'refresh.js leads out of the folder of the connector',
    ],
  ])('that is %s is a problem of the definition, where it is named', async (_, make, message) => {
    await make();
    await named('refresh.js');
    const [problem, ...others] = await problems();
    expect(others).toEqual([]);
    expect(problem).toMatchObject({ file: definition, rule: 'file', message });
    expect(problem?.line).toBe(14);
    await expect(loadDefinition(definition)).rejects.toMatchObject({
      code: 'definition_invalid',
      message: expect.stringContaining(message),
    });
  });

  it('does not leave through a folder that is a link', async () => {
    await mkdir(join(root, 'elsewhere'));
    await writeFile(join(root, 'elsewhere', 'it.js'), '() => ({})');
    await symlink(join(root, 'elsewhere'), join(folder, 'out'));
    await named('out/it.js');
    expect((await problems()).map((it) => it.message)).toEqual(['out/it.js leads out of the folder of the connector']);
  });

  it('has its problems told by its own lines', async () => {
    await named('refresh.js');
    const file = join(folder, 'refresh.js');
    await writeFile(file, '// renews\nexport default async ({ http }) => {\n  const a = ;\n};\n');
    expect(await problems()).toEqual([
      { file, line: 3, column: 1, rule: 'script', message: expect.stringContaining("';'") },
    ]);
    await writeFile(file, 'const a = 1;\nexport default () => ({});\n');
    expect(await problems()).toMatchObject([{ file, line: 1, rule: 'script' }]);
  });

  it('of a method that runs for each request is not async', async () => {
    await named('client.js', 'makeApiClient');
    await writeFile(join(folder, 'client.js'), 'export default async () => ({});\n');
    expect(await problems()).toMatchObject([
      { rule: 'script', message: expect.stringContaining('makeApiClient runs for') },
    ]);
  });
});
