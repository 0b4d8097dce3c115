import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openProject, type Project, root } from './project.ts';

let project: Project;
beforeAll(() => {
  project = openProject();
});
afterAll(() => project.close());

const head = `import { agentTool, aiTools, connector, openaiTools, Tieline } from 'tieline';
const gmail = connector('gmail', { credentials: { refresh_token: 'r' } });
const user = new Tieline({ apiBaseUrl: 'https://t.example', apiKey: 'k' }).user('t');
`;

/** What the compiler says of these statements, each by its number. */
function problemsOf(statements: readonly string[], more: Readonly<Record<string, string>> = {}): string[] {
  for (const [name, text] of Object.entries(more)) project.write(name, text);
  project.write('main.ts', `${head}${statements.join('\n')}\n`);
  const found = project.compile();
  for (const name of Object.keys(more)) project.remove(name);
  const before = head.split('\n').length;
  return found.map((it) => it.replace(/^main\.ts:(\d+)/, (_, line) => String(Number(line) - before)));
}

describe('the types of the package', () => {
  it('let through what is right', () => {
    expect(
      problemsOf([
        `await gmail.execute('messages', 'list', { q: 'newer_than:7d', limit: 5 });`,
        `await gmail.execute('messages', 'list');`,
        `await gmail.execute('messages', 'get', { messageId: 'm' }, { timeout: 5 });`,
        `await user.connect('gmail').action('messages', 'list').params({ q: 'a' }).identifier('w').execute();`,
        `await user.execute({ connector: 'gmail', entity: 'messages', action: 'list', identifier: 'work' });`,
        `await user.execute({ connector: 'weather', entity: 'any', action: 'thing', params: { a: [1] } });`,
        `await connector('weather', { credentials: {} }).execute('any', 'thing', { a: 1 });`,
        `const name: string = 'gmail'; await connector(name, { credentials: {} }).execute('any', 'thing');`,
        `const r = await user.connect('gmail').action('messages', 'list').execute<{ id: string }[]>(); for await (const m of r) m.id.length;`,
        `(await agentTool(gmail)).description.length; (await openaiTools(gmail)).tools.length;`,
        `const { generateText } = await import('ai'); await generateText({ model: 'x', prompt: 'y', tools: await aiTools(gmail) });`,
        `await using own = connector('github', { credentials: { token: 't' } }); own.name satisfies 'github';`,
      ]),
    ).toEqual([]);
  });

  it('refuse what is wrong, and nothing else', () => {
    expect(
      problemsOf([
        `await gmail.execute('messages', 'lst', {});`,
        `await gmail.execute('mesages', 'list', {});`,
        `await gmail.execute('messages', 'list', { limit: 'five' });`,
        `await gmail.execute('messages', 'list', { query: 'a' });`,
        `await gmail.execute('messages', 'get', {});`,
        `await gmail.execute('messages', 'get');`,
        `await user.execute({ connector: 'gmail', entity: 'messages', action: 'lst' });`,
        `await user.execute({ connector: 'gmail', entity: 'messages', action: 'get' });`,
        `user.connect('gmail').action('messages', 'lst');`,
        `user.connect('gmail').action('messages', 'list').params({ limit: 'five' });`,
        `connector('gmail', {});`,
        `new Tieline({ apiBaseUrl: 'https://t.example' });`,
      ]),
    ).toEqual([
      '0 TS2345',
      '1 TS2345',
      '2 TS2322',
      '3 TS2353',
      '4 TS2741',
      '5 TS2554',
      '6 TS2820',
      '7 TS2345',
      '8 TS2345',
      '9 TS2322',
      '10 TS2345',
      '11 TS2345',
    ]);
  });

  it('know connectors of one’s own by what the command prints, and theirs over shipped ones', () => {
    const folder = join(project.folder, 'own', 'weather');
    mkdirSync(folder, { recursive: true });
    const list = { summary: 'All.', effect: 'read', scopes: ['any'], request: { path: '/' }, params: PLACE };
    const definition = {
      format: 1,
      connector: 'weather',
      version: '1.0.0',
      title: 'Weather',
      summary: 'Forecasts.',
      server: { baseUrl: 'https://api.weather.example' },
      auth: { options: { none: { title: 'None', type: 'none' } } },
      entities: { forecasts: { title: 'Forecasts', actions: { list } } },
    };
    writeFileSync(join(folder, 'connector.yaml'), JSON.stringify(definition));
    const env = {
      ...process.env,
      TIELINE_HOME: join(project.folder, 'home'),
      TIELINE_CONNECTORS: join(project.folder, 'own'),
    };
    const main = join(root, 'dist', 'main.js');
    const print = (...names: string[]) =>
      execFileSync(process.execPath, [main, 'connectors', 'types', ...names], { encoding: 'utf8', env });
    const statements = [
      `await connector('weather', { credentials: {} }).execute('forecasts', 'list', { place: 'Kiel' });`,
      `await connector('weather', { credentials: {} }).execute('forecasts', 'list', { place: 'Kiel', days: 'x' });`,
      `await connector('weather', { credentials: {} }).execute('forecast', 'list', { place: 'Kiel' });`,
      `await gmail.execute('messages', 'lst');`,
    ];
    const expected = ['1 TS2322', '2 TS2345', '3 TS2345'];
    expect(problemsOf(statements, { 'own.d.ts': print('weather', 'gmail') })).toEqual(expected);
  });

  it('stand by themselves, without the types of what the server is made of', () => {
    project.write('main.ts', head);
    const found = project.compile('--skipLibCheck', 'false');
    expect(found.filter((it) => !it.includes('node_modules/@types/'))).toEqual([]);
  });
});

const PLACE = {
  type: 'object',
  required: ['place'],
  properties: { place: { type: 'string' }, days: { type: 'integer' } },
};
