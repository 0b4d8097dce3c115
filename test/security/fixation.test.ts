import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { signIn } from '../../src/sandbox/person.ts';
import { Browser, plain, signedIn as signedInAs } from '../http/authserver/stage.ts';
import { openSignInStage, RETURN, type SignInStage } from '../http/connect/signinstage.ts';

const INITIATE = '/integrations/connectors/oauth/initiate';
const CONFIRM = '/integrations/connectors/oauth/confirm';
const WANTED = { connector_type: 'sandbox', auth_option: 'oauth', redirect_url: RETURN };

let links: SignInStage;
let mallory: { identifier: string; secret: string; token: string };
let ada: { identifier: string; secret: string; token: string };
let organization: string;

beforeAll(async () => {
  links = await openSignInStage();
  organization = links.acme.organization;
});
afterAll(() => links.close());
beforeEach(async () => {
  links.nextCustomer();
  mallory = await links.stage.user(links.acme, links.customer);
  ada = await links.stage.user(links.acme, `ada of ${links.customer}`);
});

const sitting = (who: typeof ada): Promise<Browser> => signedInAs(links.stage.url, { ...who, organization });

/** Agrees to a link and signs in at the provider; gives where the browser ends. */
async function follow(link: string, browser: Browser): Promise<URL> {
  const away = await browser.submit(await browser.open(link), { decision: 'continue' });
  return (await browser.open(await signIn(away.url.href, 'ada', { cookies: browser.cookies }))).url;
}

describe('a link that a user began', () => {
  const begin = async (): Promise<string> =>
    (await links.stage.request('POST', INITIATE, { as: mallory.token, body: WANTED })).body.consent_url;

  it('gives them nothing of somebody else, who is told whose link it is', async () => {
    const link = await begin();
    const victim = await sitting(ada);
    const shown = await victim.open(link);
    expect(shown.status).toBe(403);
    expect(plain(shown)).toContain(`This link is for ${mallory.identifier} of Acme`);
    expect((await victim.submit(shown, { decision: 'continue' })).status).toBe(403);
    const nobody = new Browser(links.stage.url);
    expect((await nobody.open(link)).url.pathname).toBe('/sign-in');
    expect(await links.accounts()).toEqual([]);
  });

  it('is not finished by a victim to whom the page of the provider was sent', async () => {
    const hers = await sitting(mallory);
    const away = await hers.submit(await hers.open(await begin()), { decision: 'continue' });
    const victim = await sitting(ada);
    const back = await victim.open(await signIn(away.url.href, 'ada', { cookies: victim.cookies }));
    expect(back.status).toBe(403);
    expect(await links.accounts()).toEqual([]);
  });

  it('is finished where they have signed in themselves', async () => {
    expect((await follow(await begin(), await sitting(mallory))).searchParams.has('connector_id')).toBe(true);
    expect(await links.accounts()).toHaveLength(1);
  });
});

describe('a link that a program began', () => {
  it('is refused in a browser that is signed in as somebody else, and taken in any other', async () => {
    const { consent_url: link } = await links.initiate();
    expect((await (await sitting(ada)).open(link)).status).toBe(403);
    expect((await follow(link, new Browser(links.stage.url))).searchParams.has('connector_id')).toBe(true);
  });

  describe('that confirms whose it is', () => {
    const confirm = (confirmation: string | null, customer_name: string, as: unknown = links.acme) =>
      links.stage.request('POST', CONFIRM, { as: as as never, body: { confirmation, customer_name } });
    const arrived = async (): Promise<string | null> => {
      const { consent_url: link } = await links.initiate({ confirm: true });
      const back = await follow(link, new Browser(links.stage.url));
      expect(back.searchParams.has('connector_id')).toBe(false);
      expect(await links.accounts()).toEqual([]);
      return back.searchParams.get('confirmation');
    };

    it('links the account then, once, and for that organization alone', async () => {
      const code = await arrived();
      expect((await confirm(code, mallory.identifier, links.rival)).status).toBe(404);
      expect((await confirm(code, mallory.identifier, mallory.token)).status).toBe(403);
      const done = await confirm(code, mallory.identifier);
      expect([done.status, (await links.accounts())[0].id]).toEqual([200, done.body.connector_id]);
      expect((await confirm(code, mallory.identifier)).status).toBe(404);
    });

    it('links nothing when somebody else sits there, not even afterwards', async () => {
      const code = await arrived();
      expect(await confirm(code, ada.identifier)).toMatchObject({ status: 403, body: { code: 'not_permitted' } });
      expect((await confirm(code, mallory.identifier)).status).toBe(404);
      expect(await links.accounts()).toEqual([]);
    });

    it('links an account with what was typed, too', async () => {
      const { consent_url: link } = await links.initiate({ confirm: true, auth_option: 'key' });
      const browser = new Browser(links.stage.url);
      const page = await browser.open(link);
      expect(page.headers.get('content-security-policy')).toContain(`form-action 'self' ${new URL(RETURN).origin}`);
      const back = await browser.submit(page, { decision: 'continue', 'input.apiKey': links.sandbox.apiKey('ada') });
      const done = await confirm(back.url.searchParams.get('confirmation'), mallory.identifier);
      expect([done.status, await links.accounts()]).toMatchObject([200, [{ id: done.body.connector_id }]]);
    });

    it('needs an address to come back to, and a key', async () => {
      const body = { ...WANTED, confirm: true, customer_name: mallory.identifier };
      for (const [as, more] of [
        [links.acme, { redirect_url: undefined }],
        [mallory.token, {}],
      ] as const) {
        const refused = await links.stage.request('POST', INITIATE, { as, body: { ...body, ...more } });
        expect(refused).toMatchObject({ status: 400, body: { code: 'arguments_invalid' } });
      }
    });
  });

  it('leads back to a web address of the organization alone', async () => {
    const allow = async (url: string) =>
      (await links.stage.request('PATCH', '/organization', { as: links.rival, body: { redirect_urls: [url] } })).status;
    for (const url of ['https://app.example/done?x=1', 'http://127.0.0.1:9/done', 'http://localhost/']) {
      expect(await allow(url), url).toBe(200);
    }
    for (const url of [
      'http://app.example/',
      'https://user@app.example/',
      'https://app.example/#x',
      'https:app.example',
      'https://*.app.example/',
      'cursor://app/cb',
      'javascript:alert(1)',
    ]) {
      expect(await allow(url), url).toBe(400);
    }
  });
});
