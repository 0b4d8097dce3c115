import { signIn } from '../../src/sandbox/person.ts';
import { type Sandbox, startSandbox } from '../../src/sandbox/sandbox.ts';
import { sandboxConnector } from '../execute/stage.ts';
import { Browser, plain, type Shown } from '../http/authserver/stage.ts';
import { type HttpStage, openHttpStage, type Tenant } from '../http/stage.ts';

export type Person = Awaited<ReturnType<HttpStage['user']>>;

/** What a person types to sign in. */
export type SignIn = Pick<Person, 'identifier' | 'secret'>;

export type LinkStage = HttpStage & {
  readonly sandbox: Sandbox;
  readonly acme: Tenant;
  /** A user of acme with nothing linked. */
  person(): Promise<Person>;
  accounts(person: Person): Promise<readonly { identifier: string; account: string }[]>;
};

/** A server that signs users in itself, and links accounts of a sandbox. */
export async function openLinkStage(options: Parameters<typeof openHttpStage>[0] = {}): Promise<LinkStage> {
  const sandbox = await startSandbox();
  const { url, clientId, clientSecret } = sandbox;
  const stage = await openHttpStage({
    connectors: [await sandboxConnector()],
    app: { baseUrl: url, clientId, clientSecret },
    backend: () => ({ authorizationServer: true }),
    ...options,
  });
  const acme = await stage.tenant('Acme');
  let count = 0;
  return {
    ...stage,
    sandbox,
    acme,
    person: () => stage.user(acme, `person-${++count}`),
    async accounts({ token }) {
      const { body } = await stage.request('GET', '/integrations/connectors', { as: token });
      return body.data;
    },
    async close() {
      await stage.close();
      await sandbox.close();
    },
  };
}

/** Opens a link in a browser and signs in to Tieline where it asks for that: the page on which the person agrees. */
export async function openAs(browser: Browser, link: string, { identifier, secret }: SignIn): Promise<Shown> {
  const page = await browser.open(link);
  return page.url.pathname === '/sign-in' ? browser.submit(page, { identifier, secret }) : page;
}

/** Agrees, signs in at the sandbox, and comes back: the page on which it ends. */
export async function agree(
  browser: Browser,
  page: Shown,
  who = 'ada',
  decision: 'allow' | 'deny' = 'allow',
): Promise<Shown> {
  const away = await browser.submit(page, { decision: 'continue' });
  if (away.url.searchParams.get('state') === null) throw new Error(plain(away));
  return browser.open(await signIn(away.url.href, who, { decision, cookies: browser.cookies }));
}

/** The whole story of one person at one link. */
export async function linkAs(stage: Pick<LinkStage, 'url'>, link: string, person: SignIn, who = 'ada'): Promise<Shown> {
  const browser = new Browser(stage.url);
  return agree(browser, await openAs(browser, link, person), who);
}
