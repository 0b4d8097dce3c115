import { readdir, readFile } from 'node:fs/promises';
import { connect as dial } from 'node:net';
import { afterAll, describe, expect, it } from 'vitest';
import { connectClient } from './client.ts';
import { type Ended, environment, type Running, start, temporary, until } from './program.ts';

type Observation = { readonly name: string; readonly ok: boolean; readonly detail: string };
type Shown = { ok: boolean; tools: number; calls: number; refreshes: number; observations: Observation[] };

const NAMES = [
  'tools_listed',
  'default_account',
  'named_account',
  'unknown_refused',
  'lazy_refresh',
  'shared_refresh',
  'default_moves',
  'list_changed',
  'keystore_sealed',
];

const places: { remove(): Promise<void> }[] = [];

afterAll(() => Promise.all(places.map((it) => it.remove())));

/** A demo with a folder of its own for what is temporary, and settings of a user's that must not matter to it. */
async function startDemo(...args: string[]): Promise<{ running: Running; temp: string; left(): Promise<string[]> }> {
  const place = await temporary();
  const { path } = place;
  places.push(place);
  const theirs = {
    TIELINE_STORE: 'sqlite:/nowhere/of-the-user.db',
    TIELINE_KEY: 'of the user',
    TIELINE_HOME: '/nowhere',
  };
  const running = start(['demo', ...args], { env: { TMPDIR: path, ...theirs } });
  return { running, temp: path, left: () => readdir(path) };
}

/** Whether somebody listens at the address that the demo told. */
function isListening(address: string): Promise<boolean> {
  const { hostname, port } = new URL(address);
  return new Promise((resolve) => {
    const socket = dial(Number(port), hostname, () => resolve(true));
    socket.once('error', () => resolve(false)).once('connect', () => socket.destroy());
  });
}

/** The processes that the demo started and that are still there: they share its temporary folder by their home. */
async function processesOf(temp: string): Promise<string[]> {
  const ids = (await readdir('/proc')).filter((it) => /^\d+$/.test(it));
  const found = await Promise.all(
    ids.map(async (id) =>
      (await readFile(`/proc/${id}/environ`, 'latin1').catch(() => '')).includes(temp) ? [id] : [],
    ),
  );
  return found.flat();
}

const addressIn = (text: string): string => /http:\/\/127\.0\.0\.1:\d+/.exec(text)?.[0] ?? '';

/** They mostly wait, so they run side by side. */
describe.concurrent('the demo', () => {
  it('observes each thing, and tells it to programs', async () => {
    const { running, temp, left } = await startDemo('--json');
    const { code, stdout, stderr } = await running.ended;
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const shown = JSON.parse(stdout) as Shown;
    expect(shown).toMatchObject({ ok: true, tools: expect.any(Number), calls: 15, refreshes: 3 });
    expect(shown.tools).toBeGreaterThan(10);
    expect(shown.observations.map(({ name, ok }) => [name, ok])).toEqual(NAMES.map((name) => [name, true]));
    expect(await left()).toEqual([]);
    if (process.platform === 'linux') expect(await processesOf(temp)).toEqual([]);
  });

  it('tells it to people as it happens, goes on for them to try, and ends with Ctrl-C', async () => {
    const { running, temp, left } = await startDemo('--keep');
    await until(
      () => running.stdout().includes('Ctrl-C ends it.'),
      () => running.stdout() + running.stderr(),
    );
    const text = running.stdout();
    expect(text).toContain('All 9 observations as they should be.');
    expect(text.match(/✓/g)).toHaveLength(9);
    expect(text).not.toContain('\u001b');
    const address = addressIn(text);
    const config = JSON.parse(text.slice(text.indexOf('{\n'), text.lastIndexOf('}') + 1));
    const { command, args, env } = config.mcpServers.tieline;
    const client = await connectClient('auto', {}, { command, args, env: environment(env) });
    for (const integration of ['ada', 'grace']) {
      const answer = await client.call('sandbox_profile_get', { integration });
      expect(answer.structuredContent).toMatchObject({ data: { id: integration } });
    }
    expect(await isListening(address)).toBe(true);
    await client.close();
    running.child.kill('SIGINT');
    const { code, stderr } = await running.ended;
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(await left()).toEqual([]);
    expect(await isListening(address)).toBe(false);
    if (process.platform === 'linux') expect(await processesOf(temp)).toEqual([]);
  });

  it.each([
    ['SIGINT', 'An OAuth 2 provider', 130],
    ['SIGTERM', 'is linked as "ada"', 143],
    ['SIGTERM', 'waiting for the access tokens', 143],
  ] as const)('leaves nothing behind when %s comes after "%s"', async (signal, seen, code) => {
    const { running, temp, left } = await startDemo();
    await until(() => running.stdout().includes(seen), running.stderr);
    const address = addressIn(running.stdout());
    running.child.kill(signal);
    const ended: Ended = await running.ended;
    expect(ended).toMatchObject({ code, stderr: '' });
    expect(await left()).toEqual([]);
    expect(await isListening(address)).toBe(false);
    if (process.platform === 'linux') expect(await processesOf(temp)).toEqual([]);
  });
});
