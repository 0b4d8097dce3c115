import { request } from 'node:http';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { signIn } from '../../src/sandbox/person.ts';
import { Browser, plain } from '../http/authserver/stage.ts';
import { connectLinking, type Linkable, type LinkClient, requiredUrl } from '../mcp/linkclient.ts';
import { agree } from '../mcp/linkstage.ts';
import { type Home, makeHome } from './home.ts';
import { until } from './program.ts';

let home: Home;
const clients: LinkClient[] = [];
beforeEach(async () => {
  home = await makeHome();
});
afterEach(async () => {
  await Promise.all(clients.splice(0).map((it) => it.close()));
  await home.close();
});

async function connect(how: Linkable): Promise<LinkClient> {
  const client = await connectLinking({ env: home.env }, how);
  clients.push(client);
  return client;
}

const TOOL = 'sandbox_profile_get';

/** The person at this machine, at a link that their agent was given. */
async function linkHere(url: string, who = 'ada'): Promise<string> {
  const browser = new Browser(new URL(url).origin);
  return plain(await agree(browser, await browser.open(url), who));
}

const addressIn = (text: string | undefined): string =>
  /http:\/\/127\.0\.0\.1:\d+\/connect\/[\w-]{43}/.exec(text ?? '')?.[0] ?? '';

describe('an agent on this machine', () => {
  it('of 2026-07-28 that opens addresses gets an account linked within the call', async () => {
    const client = await connect({
      how: 'modern',
      visit: async (url) => {
        expect(await linkHere(url)).toContain('Connected as ada@sandbox.example');
        return 'accept';
      },
    });
    const answer = await client.call(TOOL);
    expect(answer.structuredContent).toMatchObject({ data: { id: 'ada' } });
    await until(() => client.changes() > 0);
  });

  it.each(['v1', 'legacy'] as const)('of 2025 that opens addresses is refused with one: %s', async (how) => {
    const client = await connect({ how, visit: async () => 'accept' });
    const { url } = await client.call(TOOL).then(() => Promise.reject(new Error('answered')), requiredUrl);
    await linkHere(url);
    expect((await client.call(TOOL)).structuredContent).toMatchObject({ data: { id: 'ada' } });
    await until(() => client.changes() > 0);
  });

  it.each(['v1', 'modern'] as const)('that opens none reads where to send its user: %s', async (how) => {
    const client = await connect({ how });
    const answer = await client.call(TOOL);
    expect(answer.isError).toBe(true);
    const url = addressIn(answer.content[0]?.text);
    const page = await (await fetch(url)).text();
    expect(page).toContain('<b>Test client</b>, through <b>Tieline on this machine</b>,');
  });

  it('gives the link to the first browser that sends its form, at an address with nothing else', async () => {
    const client = await connect({ how: 'v1' });
    const url = addressIn((await client.call(TOOL)).content[0]?.text);
    const { origin, host } = new URL(url);
    const mine = new Browser(origin);
    const page = await mine.open(url);
    const another = new Browser(origin);
    const other = await another.open(url);
    expect(other.status).toBe(200);
    for (const path of ['/', '/api/v1/docs', '/api/v1/users', '/mcp', '/healthz', '/sign-in']) {
      expect((await fetch(`${origin}${path}`)).status).toBe(404);
    }
    for (const name of ['evil.example', `evil.example:${host.split(':')[1]}`]) {
      expect(await statusAs(url, name)).toBe(421);
    }
    const away = await mine.submit(page, { decision: 'continue' });
    const refused = await another.submit(other, { decision: 'continue' });
    expect([refused.status, plain(refused).includes('opened in another browser')]).toEqual([403, true]);
    expect((await new Browser(origin).open(url)).status).toBe(403);
    const back = await mine.open(await signIn(away.url.href, 'ada', { cookies: mine.cookies }));
    expect(plain(back)).toContain('Connected as');
    expect((await new Browser(origin).open(url)).status).toBe(409);
  });

  it('is sent to the terminal for what no page asks for', async () => {
    const client = await connect({ how: 'v1' });
    const answer = await client.call('gmail_messages_list');
    expect(answer.structuredContent.error).toMatchObject({
      code: 'integration_required',
      hint: expect.stringContaining('tieline connect gmail'),
    });
    expect(addressIn(answer.content[0]?.text)).toBe('');
  });

  it('ends although a link is open', async () => {
    const client = await connect({ how: 'v1' });
    const url = addressIn((await client.call(TOOL)).content[0]?.text);
    expect((await fetch(url)).status).toBe(200);
    await client.close();
    await until(async () => (await fetch(url).catch(() => undefined)) === undefined);
  });
});

function statusAs(url: string, host: string): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    request(url, { headers: { host } }, (response) => {
      response.resume();
      resolve(response.statusCode);
    })
      .once('error', reject)
      .end();
  });
}
