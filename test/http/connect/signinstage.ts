import { expect } from 'vitest';
import { signIn } from '../../../src/sandbox/person.ts';
import { type Sandbox, startSandbox } from '../../../src/sandbox/sandbox.ts';
import { sandboxConnector } from '../../execute/stage.ts';
import { type HttpStage, openHttpStage, type Tenant } from '../stage.ts';
import type { Browser, Shown } from './browser.ts';
import { slowKeystore } from './slowstore.ts';

export const RETURN = 'https://app.example/linked?from=tieline&x=a%20b';

export type Begun = { readonly consent_url: string; readonly authorization_id: string };

/** A server with two tenants that link accounts of a sandbox, each test's for a user of its own. */
export type SignInStage = {
  readonly stage: HttpStage;
  readonly sandbox: Sandbox;
  readonly acme: Tenant;
  readonly rival: Tenant;
  /** Identifier of the user. */
  readonly customer: string;
  readonly slow: (ms: number) => void;
  /** Goes on to another user. */
  nextCustomer(): void;
  initiate(more?: object, as?: Tenant): Promise<Begun>;
  statusOf(begun: Begun, as?: Tenant): Promise<unknown>;
  // biome-ignore lint/suspicious/noExplicitAny: tests look at whatever was answered
  accounts(as?: Tenant): Promise<any>;
  close(): Promise<void>;
};

export async function openSignInStage(): Promise<SignInStage> {
  const sandbox = await startSandbox();
  const { url, clientId, clientSecret } = sandbox;
  const { keystore, slow } = await slowKeystore();
  const stage = await openHttpStage({
    connectors: [await sandboxConnector()],
    app: { baseUrl: url, clientId, clientSecret },
    keystore,
    backend: () => ({ authorizationServer: true }),
  });
  const [acme, rival] = [await stage.tenant('Acme & <b>Sons</b>'), await stage.tenant('rival')];
  for (const as of [acme, rival]) {
    await stage.request('PATCH', '/organization', { as, body: { redirect_urls: [RETURN] } });
  }
  let count = 0;
  const name = () => `user-${count}`;
  return {
    stage,
    sandbox,
    acme,
    rival,
    slow,
    get customer() {
      return name();
    },
    nextCustomer() {
      count++;
    },
    async initiate(more = {}, as = acme) {
      const body = {
        customer_name: name(),
        connector_type: 'Sandbox',
        auth_option: 'oauth',
        redirect_url: RETURN,
        ...more,
      };
      const begun = await stage.request('POST', '/integrations/connectors/oauth/initiate', { as, body });
      expect(begun.status, begun.text).toBe(201);
      return begun.body;
    },
    async statusOf({ authorization_id: id }, as = acme) {
      return (await stage.request('GET', `/authorizations/${id}`, { as })).body;
    },
    async accounts(as = acme) {
      const { body } = await stage.request('GET', `/integrations/connectors?customer_name=${name()}`, { as });
      return body.data ?? [];
    },
    async close() {
      await stage.close();
      await sandbox.close();
    },
  };
}

/** The link opened and agreed to: where the provider asks. */
export async function begin({ consent_url: link }: Begun, browser: Browser): Promise<string> {
  const begun = await browser.submit(await browser.open(link));
  expect(begun.status).toBe(303);
  return begun.location ?? '';
}

/** The same, signed in at the provider: where it sends the browser back to. */
export const signedIn = async (
  link: Begun,
  browser: Browser,
  person = 'ada',
  decision: 'allow' | 'deny' = 'allow',
): Promise<string> => signIn(await begin(link, browser), person, { decision, cookies: browser.cookies });

/** The plain text of a page. */
export const text = ({ html }: Shown): string =>
  html
    .replace(/<style>.*?<\/style>/s, '')
    .replace(/<[^>]*>/g, ' ')
    .replace(/\s+/g, ' ');
