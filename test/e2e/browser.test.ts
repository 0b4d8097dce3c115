import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { connectLinking } from '../mcp/linkclient.ts';
import { linkAs } from '../mcp/linkstage.ts';
import { chromiumIsAbsent, openChromium } from './chromium.ts';
import { type Home, makeHome } from './home.ts';
import { type Served, serveHome } from './serve.ts';

let home: Home;
let served: Served;
beforeAll(async () => {
  home = await makeHome();
  served = await serveHome(home);
});
afterAll(async () => {
  served.server.child.kill('SIGKILL');
  await served.server.ended;
  await home.close();
});

const TOOL = 'sandbox_profile_get';

describe('an agent whose user has nothing linked', () => {
  it('calls a tool once, while its user signs in twice in a browser without scripts', async () => {
    const user = await served.user('ada');
    const client = await connectLinking(
      { url: served.url, token: user.token },
      {
        how: 'modern',
        visit: async (url) => {
          await linkAs(served, url, user);
          return 'accept';
        },
      },
    );
    expect((await client.call(TOOL)).structuredContent).toMatchObject({ data: { id: 'ada' } });
    await client.close();
    expect(served.server.stderr()).not.toContain(user.secret);
  });
});

describe(`in a real browser${chromiumIsAbsent}`, () => {
  let browser: Browser;
  beforeAll(async () => {
    if (!chromiumIsAbsent) browser = await openChromium();
  });
  afterAll(() => browser?.close());

  /** What a person sees and presses, from the link to the end. */
  async function link(page: Page, url: string, user: { identifier: string; secret: string }): Promise<void> {
    await page.goto(url);
    await page.getByLabel('User').fill(user.identifier);
    await page.getByLabel('Secret').fill(user.secret);
    await page.getByRole('button', { name: 'Sign in' }).click();
    await page.getByRole('heading', { name: 'Connect Sandbox' }).waitFor();
    await page.getByText('Test client').waitFor();
    await page.getByRole('button', { name: 'Continue to Sandbox' }).click();
    await page.locator('button[name="person"][value="grace"]').click();
    await page.locator('button[name="decision"][value="allow"]').click();
    await page.getByRole('heading', { name: 'Sandbox is connected' }).waitFor();
  }

  it.skipIf(chromiumIsAbsent)('a tool succeeds after its user has followed the link', async () => {
    const user = await served.user('grace');
    const page = await browser.newPage();
    const refused: string[] = [];
    page.on('console', (message) => void refused.push(message.text()));
    const client = await connectLinking({ url: served.url, token: user.token }, { how: 'v1' });
    const first = await client.call(TOOL);
    const url = /http:\S+\/connect\/[\w-]+/.exec(first.content[0]?.text ?? '')?.[0] ?? '';
    await link(page, url, user);
    expect(await page.textContent('main')).toContain('Connected as grace@sandbox.example');
    // Nothing of the pages was held back by their content security policy.
    expect(refused).toEqual([]);
    expect((await client.call(TOOL)).structuredContent).toMatchObject({ data: { id: 'grace' } });
    await client.close();
    await page.close();
  });

  it.skipIf(chromiumIsAbsent)('a tool on this machine succeeds within the call', async () => {
    const page = await browser.newPage();
    const client = await connectLinking(
      { env: home.env },
      {
        how: 'modern',
        visit: async (url) => {
          await page.goto(url);
          await page.getByRole('button', { name: 'Continue to Sandbox' }).click();
          await page.locator('button[name="person"][value="ada"]').click();
          await page.locator('button[name="decision"][value="allow"]').click();
          await page.getByRole('heading', { name: 'Sandbox is connected' }).waitFor();
          return 'accept';
        },
      },
    );
    expect((await client.call(TOOL)).structuredContent).toMatchObject({ data: { id: 'ada' } });
    await client.close();
    await page.close();
  });
});
