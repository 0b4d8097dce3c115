import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { checkFiles } from '../../src/cli/lint.ts';
import { formatProblem } from '../../src/connector/problem.ts';
import { temporaryFolder } from '../keystore/place.ts';

const definition = (name: string, options: object, more: object = {}) => ({
  format: 1,
  connector: name,
  version: '1.0.0',
  title: name,
  summary: 'An API for tests.',
  server: { baseUrl: 'https://api.example' },
  auth: { options },
  entities: {
    things: {
      title: 'Things',
      actions: { get: { summary: 'Something for tests.', effect: 'read', scopes: ['a'], request: { path: '/thing' } } },
    },
  },
  ...more,
});

const proxy = (connector: string) => ({ it: { title: 'It', type: 'proxy', connector } });
const token = { it: { title: 'It', type: 'bearer' } };

async function problemsOf(...definitions: ReturnType<typeof definition>[]): Promise<string[]> {
  const folder = await temporaryFolder();
  const files = definitions.map((it) => join(folder, it.connector, 'connector.yaml'));
  for (const [i, it] of definitions.entries()) {
    await mkdir(join(folder, it.connector));
    await writeFile(files[i] ?? '', JSON.stringify(it, null, 2));
  }
  const { problems } = await checkFiles(files);
  return problems.map((it) => formatProblem(it).replace(`${folder}/`, ''));
}

describe('an option that uses accounts of another connector', () => {
  it.each<[string, ReturnType<typeof definition>[]]>([
    ['beside it', [definition('helper', proxy('desk')), definition('desk', token)]],
    ['that comes with the program', [definition('helper', proxy('github'))]],
  ])('is fine with one %s', async (_, definitions) => {
    expect(await problemsOf(...definitions)).toEqual([]);
  });

  it.each<[string, ReturnType<typeof definition>[], string]>([
    ['is not there', [definition('helper', proxy('nowhere'))], 'there is no connector nowhere'],
    ['is the same', [definition('helper', { ...token, me: proxy('helper').it })], 'names this connector itself'],
    [
      'has accounts of others only',
      [definition('helper', proxy('relay')), definition('relay', proxy('github'))],
      'relay has only accounts that use another one themselves',
    ],
    ['is a database', [definition('helper', proxy('sql'))], 'sql makes no HTTP requests'],
  ])('is a problem where the connector %s', async (_, definitions, message) => {
    const [problem = '', ...more] = await problemsOf(...definitions);
    expect(more).toEqual([]);
    expect(problem).toMatch(/^helper\/connector\.yaml:\d+:\d+ /);
    expect(problem).toContain(message);
  });

  it('has its recorded examples replayed, with the account standing aside', async () => {
    const example = (path: string) => ({
      name: 'gets it',
      call: 'things.get',
      exchanges: [{ request: { url: `https://api.example${path}` }, respond: { json: { a: 1 } } }],
      data: { a: 1 },
    });
    expect(await problemsOf(definition('helper', proxy('github'), { tests: [example('/thing')] }))).toEqual([]);
    expect(await problemsOf(definition('helper', proxy('github'), { tests: [example('/other')] }))).not.toEqual([]);
  });
});
