import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Browser, plain } from '../http/authserver/stage.ts';
import { connectLinking, type Linkable, requiredUrl, type Visit } from './linkclient.ts';
import { agree, type LinkStage, linkAs, openAs, openLinkStage, type Person } from './linkstage.ts';

let stage: LinkStage;
beforeAll(async () => {
  stage = await openLinkStage({ patience: 1_500 });
});
afterAll(() => stage.close());

const connect = (person: Person, how: Linkable) => connectLinking({ url: stage.url, token: person.token }, how);
const TOOL = 'sandbox_profile_get';
const URL_IN_TEXT = /http:\/\/127\.0\.0\.1:\d+\/connect\/[\w-]{43}/;

describe('a client of 2026-07-28 that opens addresses', () => {
  it('has the user link an account, and gets what it asked for', async () => {
    const person = await stage.person();
    const messages: string[] = [];
    const visit: Visit = async (url, message) => {
      messages.push(message);
      await linkAs(stage, url, person);
      return 'accept';
    };
    const client = await connect(person, { how: 'modern', visit });
    const answer = await client.call(TOOL);
    expect(answer.structuredContent).toMatchObject({ data: { id: 'ada' } });
    expect(messages).toEqual(['Connect your Sandbox account.']);
    expect(await stage.accounts(person)).toMatchObject([{ account: 'ada@sandbox.example' }]);
    await client.close();
  });

  it('waits while the user is at it, and tells how it goes', async () => {
    const person = await stage.person();
    let linking: Promise<unknown> | undefined;
    const visit: Visit = async (url) => {
      linking = new Promise((resolve) => setTimeout(resolve, 700)).then(() => linkAs(stage, url, person));
      return 'accept';
    };
    const client = await connect(person, { how: 'modern', visit });
    const seen: number[] = [];
    const answer = await client.call(TOOL, {}, (progress) => void seen.push(progress));
    await linking;
    expect(answer.structuredContent).toMatchObject({ data: { id: 'ada' } });
    expect(seen.some((it) => it > 0 && it < 1)).toBe(true);
    await client.close();
  });

  it('is not believed that the user was there', async () => {
    const person = await stage.person();
    const urls: string[] = [];
    const visit: Visit = async (url) => {
      urls.push(url);
      return 'accept';
    };
    const client = await connect(person, { how: 'modern', visit });
    const answer = await client.call(TOOL);
    expect(answer.isError).toBe(true);
    expect(answer.content[0]?.text).toMatch(/^integration_required: the user has not finished/);
    expect(answer.structuredContent.error).toMatchObject({ url: urls[0] });
    // The same address as long as it waits, once for each call.
    await client.call(TOOL);
    expect(new Set(urls).size).toBe(1);
    expect(urls).toHaveLength(2);
    await linkAs(stage, urls[0] ?? '', person);
    expect((await client.call(TOOL)).isError).toBeFalsy();
    await client.close();
  });

  it.each(['decline', 'cancel'] as const)('is told no more when the user chose to %s', async (action) => {
    const person = await stage.person();
    let asked = 0;
    const visit: Visit = async () => {
      asked++;
      return action;
    };
    const client = await connect(person, { how: 'modern', visit });
    const answer = await client.call(TOOL);
    expect(answer.structuredContent.error?.code).toBe('canceled');
    expect(asked).toBe(1);
    await client.close();
  });

  it('is told that the user said no on the page, or at the provider', async () => {
    const person = await stage.person();
    const browser = new Browser(stage.url);
    const ends = [
      async (url: string) => void (await browser.submit(await openAs(browser, url, person), { decision: 'cancel' })),
      async (url: string) => void (await agree(browser, await openAs(browser, url, person), 'ada', 'deny')),
    ];
    const visit: Visit = async (url) => {
      await ends.shift()?.(url);
      return 'accept';
    };
    const client = await connect(person, { how: 'modern', visit });
    expect((await client.call(TOOL)).structuredContent.error?.code).toBe('canceled');
    expect((await client.call(TOOL)).structuredContent.error?.code).toBe('authorization_failed');
    expect(await stage.accounts(person)).toEqual([]);
    await client.close();
  });

  it('is answered with the account where it asked for one', async () => {
    const person = await stage.person();
    const visit: Visit = async (url) => {
      await linkAs(stage, url, person, 'grace');
      return 'accept';
    };
    const client = await connect(person, { how: 'modern', visit });
    const { structuredContent } = await client.call('integrations_connect', {
      connector: 'sandbox',
      identifier: 'work',
      option: 'oauth',
    });
    expect(structuredContent.data).toEqual({
      connector: 'sandbox',
      identifier: 'work',
      account: 'grace@sandbox.example',
      default: true,
      status: 'active',
    });
    const lines = stage.audit
      .filter((it) => it.user === person.id)
      .map((it) => [it.action, it.integration, it.outcome]);
    expect(lines).toEqual([
      ['connect', undefined, 'integration_required'],
      ['connect', 'work', 'ok'],
    ]);
    await client.close();
  });

  it('has an account linked anew when its access has ended, and not another one in its place', async () => {
    const person = await stage.person();
    const people = ['grace', 'grace', 'ada', 'grace'];
    const pages: string[] = [];
    const visit: Visit = async (url) => {
      pages.push(plain(await linkAs(stage, url, person, people.shift())));
      return 'accept';
    };
    const client = await connect(person, { how: 'modern', visit });
    expect((await client.call(TOOL)).isError).toBeFalsy();
    stage.sandbox.revoke('grace');
    expect((await client.call(TOOL)).structuredContent).toMatchObject({ data: { id: 'grace' } });
    expect(await stage.accounts(person)).toHaveLength(1);
    stage.sandbox.revoke('grace');
    expect((await client.call(TOOL)).structuredContent.error?.code).toBe('authorization_failed');
    expect(pages[2]).toContain('another account of Sandbox');
    expect((await client.call(TOOL)).structuredContent).toMatchObject({ data: { id: 'grace' } });
    await client.close();
  });
});

describe.each(['v1', 'legacy'] as const)('a client of 2025 that opens addresses: %s', (how) => {
  it('is refused with the address, and calls again when the user is done', async () => {
    const person = await stage.person();
    const client = await connect(person, { how, visit: async () => 'accept' });
    const required = await client.call(TOOL).then(() => Promise.reject(new Error('answered')), requiredUrl);
    expect(required).toMatchObject({
      url: expect.stringMatching(URL_IN_TEXT),
      elicitationId: expect.stringMatching(/^[\w-]{22}$/),
      message: 'Connect your Sandbox account.',
    });
    expect(required.url).not.toContain(required.elicitationId);
    await linkAs(stage, required.url, person);
    expect((await client.call(TOOL)).structuredContent).toMatchObject({ data: { id: 'ada' } });
    await client.close();
  });

  it('is answered with the account when it asks for it once more', async () => {
    const person = await stage.person();
    const client = await connect(person, { how, visit: async () => 'accept' });
    const ask = () => client.call('integrations_connect', { connector: 'sandbox' });
    const { url } = await ask().then(() => Promise.reject(new Error('answered')), requiredUrl);
    await linkAs(stage, url, person);
    expect((await ask()).structuredContent.data).toMatchObject({ account: 'ada@sandbox.example', default: true });
    // And the time after that is about another account.
    const next = await ask().then(() => Promise.reject(new Error('answered')), requiredUrl);
    expect(next.url).not.toBe(url);
    await client.close();
  });
});

describe.each([
  { how: 'v1' },
  { how: 'legacy', capabilities: { elicitation: {} } },
  { how: 'modern' },
  { how: 'modern', capabilities: { elicitation: { form: {} } } },
] as const)('a client that opens no addresses: %o', (how) => {
  it('reads the address, and what to do with it', async () => {
    const person = await stage.person();
    const client = await connect(person, how);
    const answer = await client.call(TOOL);
    expect(answer.isError).toBe(true);
    const [text = ''] = URL_IN_TEXT.exec(answer.content[0]?.text ?? '') ?? [];
    expect(answer.content[0]?.text).toMatch(/^integration_required: .+\nAsk the user to open this address/);
    expect(answer.structuredContent.error).toMatchObject({ url: text, hint: expect.stringContaining(text) });
    await linkAs(stage, text, person);
    expect((await client.call(TOOL)).structuredContent).toMatchObject({ data: { id: 'ada' } });
    await client.close();
  });
});

describe('who gets a link', () => {
  it('is nobody without the scope manage', async () => {
    const person = await stage.person();
    const { body } = await stage.request('POST', '/tokens', {
      as: person.token,
      body: { name: 'x', scopes: ['read'] },
    });
    const client = await connectLinking(
      { url: stage.url, token: body.token },
      { how: 'modern', visit: () => Promise.reject(new Error('asked')) },
    );
    const answer = await client.call(TOOL);
    expect(answer.structuredContent.error).toMatchObject({
      code: 'integration_required',
      hint: expect.stringContaining('allow the scope manage'),
    });
    expect(JSON.stringify(answer)).not.toContain('/connect/');
    await expect(client.call('integrations_connect', { connector: 'sandbox' })).rejects.toThrow('scope');
    await client.close();
  });

  it('gets ten that wait, and no more', async () => {
    const person = await stage.person();
    const client = await connect(person, { how: 'modern' });
    const connectAs = (identifier: string) => client.call('integrations_connect', { connector: 'sandbox', identifier });
    const urls = await Promise.all(['a', 'a', 'b'].map(connectAs));
    expect(new Set(urls.map((it) => JSON.stringify(it.structuredContent))).size).toBe(2);
    for (let index = 0; index < 8; index++) await connectAs(`n${index}`);
    const refused = await connectAs('one too many');
    expect(refused.structuredContent.error).toMatchObject({
      code: 'integration_required',
      hint: expect.stringContaining('10 links'),
    });
    await client.close();
  });

  it('learns of what cannot be linked at all', async () => {
    const person = await stage.person();
    const client = await connect(person, { how: 'modern' });
    const wrong = async (args: Record<string, unknown>) =>
      (await client.call('integrations_connect', args)).structuredContent.error;
    expect(await wrong({ connector: 'nothing' })).toMatchObject({ code: 'connector_unknown' });
    expect(await wrong({ connector: 'sandbox', apiKey: 'secret-in-an-argument' })).toMatchObject({
      code: 'arguments_invalid',
    });
    expect(await wrong({ connector: 'sandbox', reconnect: true })).toMatchObject({ code: 'integration_required' });
    expect(JSON.stringify(await wrong({ connector: 'sandbox', option: 'nothing' }))).toContain('no auth option');
    await client.close();
  });
});
