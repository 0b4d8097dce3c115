import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { postgresIsAbsent, postgresPlace, redisIsAbsent, redisPlace } from '../keystore/servers.ts';
import { connectHttp } from '../mcp/httpclient.ts';
import { type Home, makeHome } from './home.ts';
import { type Running, start, until } from './program.ts';

let home: Home;
const servers: Running[] = [];
beforeAll(async () => {
  home = await makeHome();
});
afterEach(async () => {
  for (const server of servers) server.child.kill('SIGKILL');
  await Promise.all(servers.splice(0).map((it) => it.ended));
});
afterAll(() => home.close());

type Served = { readonly server: Running; readonly url: string; readonly clientKey?: string };

async function serve(store: string | undefined): Promise<Served> {
  const env = { ...home.env, ...(store !== undefined && { TIELINE_STORE: store }) };
  const server = start(['serve', '--port', '0', '--json'], { env, open: true });
  servers.push(server);
  await until(() => server.stdout().includes('}'), server.stderr);
  return { server, ...(JSON.parse(server.stdout()) as { url: string; clientKey?: string }) };
}

async function request(url: string, path: string, as: string, body: object): Promise<Record<string, string>> {
  const headers = { authorization: `Bearer ${as}`, 'content-type': 'application/json' };
  const response = await fetch(`${url}/api/v1${path}`, { method: 'POST', headers, body: JSON.stringify(body) });
  if (!response.ok) throw new Error(await response.text());
  return (await response.json()) as Record<string, string>;
}

const stores = [
  { name: 'SQLite', absent: '', place: () => undefined },
  { name: 'PostgreSQL', absent: postgresIsAbsent, place: () => postgresPlace().url.href },
  { name: 'Redis', absent: redisIsAbsent, place: () => redisPlace().url.href },
];

describe.each(stores)('two servers on one store in $name$absent', ({ absent, place }) => {
  it.skipIf(absent)('serve each other’s users, and tell the clients of one what came by the other', async () => {
    const store = place();
    const one = await serve(store);
    const two = await serve(store);
    const key = one.clientKey ?? '';
    const { secret = '' } = await request(one.url, '/users', key, { identifier: 'ada' });
    const { token = '' } = await request(two.url, '/auth/token', key, { identifier: 'ada', secret });
    // The token of a login is for the address that gave it, a personal access token for every one.
    const made = await request(two.url, '/tokens', token, { name: 'test' });
    const client = await connectHttp(one.url, { pin: '2026-07-28' }, { token: made.token ?? '' });
    const described = async () =>
      JSON.stringify((await client.tools()).tools.find((it) => it.name === 'sandbox_profile_get')?.inputSchema);
    expect(await described()).not.toContain('work');
    await request(two.url, '/integrations/connectors', key, {
      customer_name: 'ada',
      connector_type: 'sandbox',
      name: 'work',
      credentials: { apiKey: home.sandbox.apiKey('ada') },
    });
    await until(() => client.changes() === 1, one.server.stderr);
    expect(await described()).toContain('work (default)');
    const answer = await client.call('sandbox_profile_get');
    expect(answer.structuredContent).toMatchObject({ data: { id: 'ada' }, meta: { integration: 'work' } });
    one.server.child.kill('SIGTERM');
    const { code, stdout, stderr } = await one.server.ended;
    expect(code).toBe(0);
    for (const text of [token, made.token ?? '', secret, home.sandbox.apiKey('ada')]) {
      expect(stdout + stderr).not.toContain(text);
    }
    await client.close();
  });
});
