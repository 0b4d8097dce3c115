import { Browser, plain, type Shown } from '../../http/authserver/stage.ts';
import { agree, openAs, type SignIn } from '../../mcp/linkstage.ts';
import type { Typed } from './accounts.ts';

/** A person at a link, who agrees and signs in at the mirror: the page on which it ends. */
export async function linkAtMirror(link: string, user: SignIn | undefined): Promise<Shown> {
  const browser = new Browser(new URL(link).origin);
  const page = await openLink(browser, link, user);
  const away = await browser.submit(page, { decision: 'continue' });
  if (away.url.pathname !== '/authorize') throw new Error(plain(away));
  const { headers } = await fetch(away.url, { redirect: 'manual' });
  return browser.open(headers.get('location') ?? '');
}

/** The same with credentials that they type; `wrong` first, where given. */
export async function typeAt(link: string, option: string, typed: Typed, wrong?: Typed): Promise<Shown> {
  const browser = new Browser(new URL(link).origin);
  const fields = (it: Typed) => Object.fromEntries(Object.entries(it).map(([name, value]) => [`input.${name}`, value]));
  let page = await browser.open(`${link}?option=${option}`);
  if (wrong) page = await browser.submit(page, { ...fields(wrong), decision: 'continue' });
  return browser.submit(page, { ...fields(typed), decision: 'continue' });
}

/** The same at the sandbox. */
export async function linkAtSandbox(link: string, user: SignIn | undefined): Promise<Shown> {
  const browser = new Browser(new URL(link).origin);
  return agree(browser, await openLink(browser, link, user));
}

const openLink = (browser: Browser, link: string, user: SignIn | undefined): Promise<Shown> =>
  user ? openAs(browser, link, user) : browser.open(link);
