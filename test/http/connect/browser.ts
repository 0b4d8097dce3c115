import { CookieJar } from '../../../src/sandbox/cookies.ts';

export type Shown = {
  readonly status: number;
  readonly headers: Headers;
  readonly html: string;
  /** Where it leads, in full. */
  readonly location: string | undefined;
  readonly url: string;
};

/** A browser of one person, as far as HTTP goes: cookies, forms, and no redirect that is not asked for. */
export type Browser = {
  readonly cookies: CookieJar;
  open(url: string, headers?: Readonly<Record<string, string>>): Promise<Shown>;
  /** Sends the form of a page with the hidden fields it has, pressing `decision`. */
  submit(page: Shown, fields?: Readonly<Record<string, string>>, decision?: string): Promise<Shown>;
  post(
    url: string,
    fields: Readonly<Record<string, string>>,
    headers?: Readonly<Record<string, string>>,
  ): Promise<Shown>;
};

export function openBrowser(): Browser {
  const cookies = new CookieJar();
  async function send(address: string, init: RequestInit): Promise<Shown> {
    const url = new URL(address);
    const headers = { ...(init.headers as Record<string, string>), cookie: cookies.headerFor(url) };
    const response = await fetch(url, { ...init, headers, redirect: 'manual' });
    cookies.keep(url, response.headers.getSetCookie());
    const to = response.headers.get('location');
    return {
      status: response.status,
      headers: response.headers,
      html: await response.text(),
      location: to === null ? undefined : new URL(to, url).href,
      url: url.href,
    };
  }
  const browser: Browser = {
    cookies,
    open: (url, headers = {}) => send(url, { headers }),
    post: (url, fields, headers = {}) => send(url, { method: 'POST', headers, body: new URLSearchParams(fields) }),
    submit: (page, fields = {}, decision = 'continue') =>
      browser.post(page.url, { ...hiddenFields(page.html), ...fields, decision }, { 'sec-fetch-site': 'same-origin' }),
  };
  return browser;
}

export const hiddenFields = (html: string): Record<string, string> =>
  Object.fromEntries(
    [...html.matchAll(/<input type="hidden" name="([^"]*)" value="([^"]*)">/g)].map(([, name = '', value = '']) => [
      name,
      value,
    ]),
  );
