import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { signIn } from '../../../src/sandbox/person.ts';
import { connectLinking } from '../../mcp/linkclient.ts';
import { agree, type LinkStage, openAs, openLinkStage, type Person } from '../../mcp/linkstage.ts';
import { Browser, plain } from '../authserver/stage.ts';

let stage: LinkStage;
let ada: Person;
let eve: Person;
beforeAll(async () => {
  stage = await openLinkStage();
});
afterAll(() => stage.close());

/** A link that an agent of the person was given. */
async function linkOf({ token }: Person, args: Record<string, unknown> = {}): Promise<string> {
  const client = await connectLinking({ url: stage.url, token }, { how: 'v1' });
  const answer = await client.call('integrations_connect', { connector: 'sandbox', option: 'oauth', ...args });
  await client.close();
  return (answer.structuredContent.error as { url?: string } | undefined)?.url ?? '';
}

describe('a link that an agent was given', () => {
  beforeAll(async () => {
    [ada, eve] = [await stage.person(), await stage.person()];
  });

  it('begins nothing before its user has signed in to Tieline in that browser', async () => {
    const link = await linkOf(ada);
    const response = await fetch(link, { redirect: 'manual' });
    expect(response.status).toBe(303);
    expect(response.headers.get('location')).toMatch(/\/sign-in\?next=/);
    expect(response.headers.getSetCookie()).toEqual([]);
    const sent = await fetch(link, { method: 'POST', body: new URLSearchParams({ decision: 'continue' }) });
    expect(sent.status).toBe(403);
  });

  it('tells which client asks for what, and leads on only when the user agrees', async () => {
    const link = await linkOf(ada);
    const browser = new Browser(stage.url);
    const page = await openAs(browser, link, ada);
    expect(page.url.href).toBe(link);
    expect(plain(page)).toContain(
      `Test client , through Acme , asks to use your Sandbox account, for its user ${ada.identifier}`,
    );
    for (const scope of ['read', 'write']) expect(page.text).toContain(`<code>${scope}</code>`);
    expect(page.text).not.toContain('state=');
    const done = await agree(browser, page);
    expect(plain(done)).toContain('Connected as ada@sandbox.example');
  });

  it('is refused to another user, who is told whose it is', async () => {
    const link = await linkOf(ada, { identifier: 'second' });
    const browser = new Browser(stage.url);
    const page = await openAs(browser, link, eve);
    expect(page.status).toBe(403);
    expect(plain(page)).toContain(
      `This link is for ${ada.identifier} of Acme, and you are signed in here as ${eve.identifier}.`,
    );
    expect(page.text).not.toContain('name="decision"');
  });

  it('gives the asker nothing of somebody who is sent to it', async () => {
    // Eve asks, agrees, and sends the address of the provider to Ada, who is signed in here and at the provider.
    const link = await linkOf(eve);
    const hers = new Browser(stage.url);
    const away = await hers.submit(await openAs(hers, link, eve), { decision: 'continue' });
    const victim = new Browser(stage.url);
    await openAs(victim, await linkOf(ada, { identifier: 'third' }), ada);
    const back = await signIn(away.url.href, 'ada', { cookies: victim.cookies });
    const landed = await victim.open(back);
    expect(landed.status).toBe(403);
    expect(await stage.accounts(eve)).toEqual([]);
    // Nor where she brings the answer into her own browser session of another user.
    const other = new Browser(stage.url);
    await openAs(other, await linkOf(ada, { identifier: 'third' }), ada);
    for (const line of hers.setCookies.filter((it) => it.startsWith('tieline_connect_'))) {
      other.cookies.keep(new URL(stage.url), [line]);
    }
    expect((await other.open(back)).status).toBe(403);
    expect(await stage.accounts(eve)).toEqual([]);
  });

  it('ends with the session of its user: what was begun is not finished by the next one', async () => {
    const link = await linkOf(ada, { identifier: 'fourth' });
    const shared = new Browser(stage.url);
    const away = await shared.submit(await openAs(shared, link, ada), { decision: 'continue' });
    const back = await signIn(away.url.href, 'ada', { cookies: shared.cookies });
    await shared.submit(await shared.open('/sign-in'), { identifier: eve.identifier, secret: eve.secret });
    expect((await shared.open(back)).status).toBe(403);
    expect((await stage.accounts(ada)).map((it) => it.identifier)).not.toContain('fourth');
  });

  it('is not answered at the address of another connector', async () => {
    const link = await linkOf(ada, { identifier: 'fifth' });
    const browser = new Browser(stage.url);
    const away = await browser.submit(await openAs(browser, link, ada), { decision: 'continue' });
    const back = new URL(await signIn(away.url.href, 'ada', { cookies: browser.cookies }));
    const elsewhere = `${stage.url}/callback/gmail${back.search}`;
    expect((await browser.open(elsewhere)).status).toBe(400);
    expect((await browser.open(back)).status).toBe(200);
  });

  it('is for each client on its own: agreeing with one is not agreeing with another', async () => {
    const link = await linkOf(ada, { identifier: 'sixth' });
    const { body } = await stage.request('POST', '/tokens', { as: ada.token, body: { name: 'x', scopes: ['manage'] } });
    const response = await fetch(`${stage.url}/mcp`, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        accept: 'application/json, text/event-stream',
        authorization: `Bearer ${body.token}`,
        'mcp-protocol-version': '2026-07-28',
        'mcp-method': 'tools/call',
        'mcp-name': 'integrations_connect',
      },
      body: JSON.stringify({
        jsonrpc: '2.0',
        id: 1,
        method: 'tools/call',
        params: {
          name: 'integrations_connect',
          arguments: { connector: 'sandbox', option: 'oauth', identifier: 'sixth' },
          _meta: {
            'io.modelcontextprotocol/protocolVersion': '2026-07-28',
            'io.modelcontextprotocol/clientCapabilities': {},
            'io.modelcontextprotocol/clientInfo': { name: '<b>\u202eEvil\n\u0000</b>', version: '1' },
          },
        },
      }),
    });
    const other = /http:\/\/127\.0\.0\.1:\d+\/connect\/[\w-]{43}/.exec(await response.text())?.[0] ?? '';
    expect(other).not.toBe('');
    expect(other).not.toBe(link);
    const page = await openAs(new Browser(stage.url), other, ada);
    expect(page.text).toContain('<b>&lt;b&gt;Evil &lt;/b&gt;</b>, through');
  });
});
