import { mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { tieline } from '../cli/inprocess.ts';
import { connectClient, type McpClient } from './client.ts';
import { type Desk, deskDefinition, startDesk, writeDefinition } from './desk.ts';
import { type Home, makeHome } from './home.ts';
import { temporary, until } from './program.ts';

let home: Home;
let desk: Desk;
let clients: McpClient[];
let store: Awaited<ReturnType<typeof temporary>>;

beforeAll(async () => {
  desk = await startDesk();
  home = await makeHome({ hosts: [desk.host], tieline });
  store = await temporary();
  await writeDefinition(home.definitions, 'desk', deskDefinition(desk.url));
  clients = await Promise.all([connectClient('v1', home.env), connectClient({ pin: '2026-07-28' }, home.env)]);
});

afterAll(async () => {
  await Promise.all(clients.map((it) => it.close()));
  await home.close();
  await desk.close();
  await store.remove();
});

/** Does something, and waits until every client has been told. */
async function telling(work: () => Promise<unknown>): Promise<void> {
  const before = clients.map((it) => it.changes());
  await work();
  const told = () => clients.map((it, i) => it.changes() - (before[i] ?? 0));
  await until(
    () => told().every((count) => count > 0),
    () => `told ${told()}; ${clients.map((it) => it.stderr()).join('\n')}`,
  );
}

const toolsOf = async (client: McpClient) => (await client.tools()).tools;
const namesOf = async (client: McpClient) => (await toolsOf(client)).map((it) => it.name);
const both = <T>(work: (client: McpClient) => Promise<T>): Promise<T[]> => Promise.all(clients.map(work));

describe('clients of both eras are told that the tools changed', () => {
  it('when another process connects an account, whose name the tools then tell', async () => {
    await telling(() => home.connectKey('ada'));
    for (const tools of await both(toolsOf)) {
      const { properties } = tools.find((it) => it.name === 'sandbox_profile_get')?.inputSchema ?? {};
      expect(properties?.integration).toMatchObject({ description: expect.stringContaining('ada (default)') });
    }
    for (const answer of await both((it) => it.call('sandbox_profile_get'))) {
      expect(answer.structuredContent.data).toMatchObject({ id: 'ada' });
    }
  });

  it('when another process renames it', async () => {
    await telling(() => home.run(['integrations', 'rename', 'sandbox', 'ada', 'countess']));
    for (const answer of await both((it) => it.call('sandbox_profile_get', { integration: 'ada' }))) {
      expect(answer.structuredContent.error).toMatchObject({
        code: 'integration_unknown',
        hint: expect.stringContaining('countess'),
      });
    }
  });

  it('when a definition is edited', async () => {
    const edited = deskDefinition(desk.url).replace('What the API was sent.', 'What reached the desk.');
    await telling(() => writeDefinition(home.definitions, 'desk', edited));
    for (const tools of await both(toolsOf)) {
      expect(tools.find((it) => it.name === 'desk_self_get')?.description).toBe('What reached the desk.');
    }
  });

  it('when one is added, also long after its folder, and when that is edited', async () => {
    await mkdir(join(home.definitions, 'second'));
    await sleep(500);
    await telling(() => writeDefinition(home.definitions, 'second', deskDefinition(desk.url, 'second')));
    for (const names of await both(namesOf)) expect(names).toContain('second_self_get');
    const edited = deskDefinition(desk.url, 'second').replace('  self:', '  own:');
    await telling(() => writeDefinition(home.definitions, 'second', edited));
    for (const names of await both(namesOf)) expect(names).toContain('second_own_get');
  });

  it('when one breaks: the others go on, the log tells where, and mending it brings it back', async () => {
    const broken = deskDefinition(desk.url, 'second').replace('effect: read', 'efect: read');
    await telling(() => writeDefinition(home.definitions, 'second', broken));
    for (const names of await both(namesOf)) {
      expect(names).toContain('desk_self_get');
      expect(names).not.toContain('second_own_get');
    }
    const line = broken.split('\n').findIndex((it) => it.includes('efect')) + 1;
    for (const client of clients) {
      expect(client.stderr()).toMatch(
        new RegExp(`error .*second/connector\\.yaml:${line}:9 unknown key .efect.; did you mean .effect.`),
      );
      expect((await client.call('sandbox_profile_get')).isError).toBeFalsy();
    }
    await telling(() => writeDefinition(home.definitions, 'second', deskDefinition(desk.url, 'second')));
    for (const names of await both(namesOf)) expect(names).toContain('second_self_get');
  });

  it('when one goes away', async () => {
    await telling(() => rm(join(home.definitions, 'second'), { recursive: true }));
    for (const names of await both(namesOf)) expect(names.filter((it) => it.startsWith('second_'))).toEqual([]);
  });

  it('but not when two want one name: the first goes on, and the log says why', async () => {
    const before = await both(namesOf);
    await writeDefinition(home.definitions, 'twin', deskDefinition(desk.url));
    const why = /error .*desk\/connector.yaml and .*twin\/connector.yaml both define desk/;
    await until(() => clients.every((it) => why.test(it.stderr())));
    expect(await both(namesOf)).toEqual(before);
    await rm(join(home.definitions, 'twin'), { recursive: true });
  });

  it('nor when the whole folder goes away: what was there goes on', async () => {
    const before = await both(namesOf);
    await rename(home.definitions, `${home.definitions}-elsewhere`);
    const why = /error a change was not taken over, .*there is no folder .*definitions/;
    await until(() => clients.every((it) => why.test(it.stderr())));
    expect(await both(namesOf)).toEqual(before);
    await rename(`${home.definitions}-elsewhere`, home.definitions);
  });
});

it('also watches a store that is not in the home folder', async () => {
  const env = { ...home.env, TIELINE_STORE: `sqlite:${join(store.path, 'elsewhere.db')}` };
  const client = await connectClient('v1', env);
  try {
    await writeFile(join(store.path, 'key.json'), JSON.stringify({ apiKey: home.sandbox.apiKey('grace') }));
    const args = ['connect', 'sandbox', '--option', 'key', '--input', join(store.path, 'key.json')];
    expect((await home.run(args, { env })).code).toBe(0);
    await until(() => client.changes() > 0);
    expect((await client.call('sandbox_profile_get')).structuredContent.data).toMatchObject({ id: 'grace' });
  } finally {
    await client.close();
  }
});
