import { request } from 'node:http';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openPairing, type Pairing } from '../../src/cli/pairing.ts';
import { createAuthorization } from '../../src/execute/authorization.ts';
import { localPrincipal } from '../../src/integration/principal.ts';
import { Browser, plain } from '../http/authserver/stage.ts';
import { agree, type LinkStage, openLinkStage } from '../mcp/linkstage.ts';

let stage: LinkStage;
beforeAll(async () => {
  stage = await openLinkStage();
});
afterAll(() => stage.close());

const open = (idle?: number): Pairing => {
  const { engine } = stage;
  if (!engine.signingKeys) throw new Error('no signing keys');
  return openPairing({ engine, signingKeys: engine.signingKeys } as never, idle === undefined ? {} : { idle });
};

const isServed = async (url: string): Promise<boolean> =>
  fetch(url).then(
    () => true,
    () => false,
  );

describe('the page for the person at this machine', () => {
  it('is served from the first link on, and at another port after nobody came for a while', async () => {
    const pairing = open(200);
    const first = await pairing.link(localPrincipal, { connector: 'sandbox' });
    expect(await isServed(first.url)).toBe(true);
    await expect.poll(() => isServed(first.url), { timeout: 10_000, interval: 600 }).toBe(false);
    const second = await pairing.link(localPrincipal, { connector: 'sandbox' });
    expect(second.id).toBe(first.id);
    expect(await isServed(second.url)).toBe(true);
    await pairing.close();
    expect(await isServed(second.url)).toBe(false);
  });

  it('is for the first browser that sends its form, whatever a scanner or another cookie does before', async () => {
    const pairing = open();
    const { url } = await pairing.link(localPrincipal, { connector: 'sandbox', identifier: 'first' });
    const { origin } = new URL(url);
    for (const method of ['HEAD', 'GET', 'GET']) expect((await fetch(url, { method })).status).toBe(200);
    const mine = new Browser(origin);
    const page = await mine.open(url);
    const late = new Browser(origin);
    const shownLate = await late.open(url);
    expect(shownLate.status).toBe(200);
    expect(plain(await agree(mine, page))).toContain('Connected as ada@sandbox.example');
    expect((await late.submit(shownLate, { decision: 'continue' })).status).toBe(403);
    expect((await new Browser(origin).open(url)).status).toBe(409);
    const name = mine.setCookies[0]?.split('=')[0];
    expect((await fetch(url, { headers: { cookie: `${name}=made-up` } })).status).toBe(409);
    await pairing.close();
  });

  it('is another one when the first belongs to a browser from which nobody comes back', async () => {
    const pairing = open();
    const asked = { connector: 'sandbox', identifier: 'again', option: 'oauth' };
    const first = await pairing.link(localPrincipal, asked);
    expect((await pairing.link(localPrincipal, asked)).url).toBe(first.url);
    const lost = new Browser(new URL(first.url).origin);
    await lost.submit(await lost.open(first.url), { decision: 'continue' });
    const second = await pairing.link(localPrincipal, asked);
    expect(second.url).not.toBe(first.url);
    const mine = new Browser(new URL(second.url).origin);
    expect(plain(await agree(mine, await mine.open(second.url)))).toContain('Connected as ada@sandbox.example');
    await pairing.close();
  });

  it('is not served under the name of another site', async () => {
    const pairing = open();
    const { url } = await pairing.link(localPrincipal, { connector: 'sandbox', identifier: 'name' });
    const { port } = new URL(url);
    const statusAs = (host: string) =>
      new Promise((resolve, reject) => {
        const asked = request(url, { headers: { host } }, (response) => resolve(response.resume().statusCode));
        asked.once('error', reject).end();
      });
    expect(await statusAs(`127.0.0.1:${port}`)).toBe(200);
    for (const host of ['evil.example', `evil.example:${port}`, `127.0.0.1.evil.example:${port}`]) {
      expect(await statusAs(host)).toBe(421);
    }
    await pairing.close();
  });

  it('knows no link of a user of a server on the same store, and the server none of it', async () => {
    const pairing = open();
    const { url, id } = await pairing.link(localPrincipal, { connector: 'sandbox', identifier: 'mine' });
    const person = await stage.person();
    const theirs = await createAuthorization(
      stage.keystore,
      { organization: stage.acme.organization, user: person.id, connector: 'sandbox', input: {} },
      Date.now(),
    );
    expect((await fetch(`${new URL(url).origin}/connect/${theirs.id}`)).status).toBe(404);
    expect((await fetch(`${stage.url}/connect/${id}`)).status).toBe(404);
    await pairing.close();
  });
});
