import * as oauth from 'oauth4webapi';
import { openSigningKeys } from '../../../src/auth/signingkeys.ts';
import type { Engine } from '../../../src/execute/engine.ts';
import type { Backend } from '../../../src/http/context.ts';
import { CookieJar } from '../../../src/sandbox/cookies.ts';
import { type McpStage, openMcpStage } from '../../mcp/httpstage.ts';
import type { openHttpStage } from '../stage.ts';

/** A server that signs users in itself, with one connector behind it. */
export const openAuthStage = (
  options: Parameters<typeof openHttpStage>[0] & {
    readonly more?: (engine: Engine, url: string) => Partial<Backend>;
  } = {},
): Promise<McpStage> =>
  openMcpStage({
    ...options,
    backend: (engine, url) => {
      const more = options.more?.(engine, url);
      const issuer = more?.url ?? url;
      const signingKeys = openSigningKeys({ keystore: engine.keystore, now: engine.now, issuer });
      return { authorizationServer: true, signingKeys, ...more };
    },
  });

/** A page that a browser has come to, or the address at which it left the server. */
export type Shown = { readonly url: URL; readonly status: number; readonly headers: Headers; readonly text: string };

/** A browser with cookies that follows redirects within the server, and sends the forms it is shown. */
export class Browser {
  readonly cookies = new CookieJar();
  readonly #origin: string;
  /** What the server set, as it was written. */
  readonly setCookies: string[] = [];

  constructor(origin: string) {
    this.#origin = origin;
  }

  open(address: string | URL): Promise<Shown> {
    return this.#go(new URL(address, this.#origin));
  }

  /** Sends the form of a page, with what it has in it already. */
  submit(page: Shown, typed: Readonly<Record<string, string>>): Promise<Shown> {
    const body = new URLSearchParams();
    for (const [tag] of page.text.matchAll(/<input [^>]*>/g)) {
      const [name, value = ''] = [attribute(tag, 'name'), attribute(tag, 'value')];
      if (name) body.set(name, value);
    }
    for (const [name, value] of Object.entries(typed)) body.set(name, value);
    return this.#go(page.url, body);
  }

  async #go(url: URL, body?: URLSearchParams): Promise<Shown> {
    let next: { url: URL; body?: URLSearchParams | undefined } = { url, body };
    for (let steps = 0; steps < 12; steps++) {
      const response = await fetch(next.url, {
        ...(next.body && { method: 'POST', body: next.body }),
        headers: { cookie: this.cookies.headerFor(next.url) },
        redirect: 'manual',
      });
      this.setCookies.push(...response.headers.getSetCookie());
      this.cookies.keep(next.url, response.headers.getSetCookie());
      const text = await response.text();
      const location = response.headers.get('location');
      const { status, headers } = response;
      if (location === null) return { url: next.url, status, headers, text };
      const to = new URL(location, next.url);
      if (to.origin !== this.#origin) return { url: to, status, headers, text };
      next = { url: to };
    }
    throw new Error(`too many redirects at ${next.url}`);
  }
}

const attribute = (tag: string, name: string): string | undefined =>
  new RegExp(` ${name}="([^"]*)"`).exec(tag)?.[1]?.replaceAll('&amp;', '&');

export type Answered = {
  readonly status: number;
  readonly headers: Headers;
  // biome-ignore lint/suspicious/noExplicitAny: tests look at whatever was answered
  readonly body: any;
};

/** What a program sends to an endpoint: a form, or JSON where `json` is given. */
export async function post(
  address: string,
  form: Readonly<Record<string, string>> | { readonly json: unknown },
  headers: Readonly<Record<string, string>> = {},
): Promise<Answered> {
  const isJson = typeof form.json === 'object';
  const response = await fetch(address, {
    method: 'POST',
    headers: { ...headers, ...(isJson && { 'content-type': 'application/json' }) },
    body: isJson ? JSON.stringify(form.json) : new URLSearchParams(form as Record<string, string>),
  });
  const text = await response.text();
  const body = /json/.test(response.headers.get('content-type') ?? '') ? JSON.parse(text) : text;
  return { status: response.status, headers: response.headers, body };
}

export const CALLBACK = 'http://127.0.0.1:9/callback';

/** A public client that has registered itself; gives its `client_id`. */
export async function register(url: string, more: Readonly<Record<string, unknown>> = {}): Promise<string> {
  const json = { client_name: 'Probe', redirect_uris: [CALLBACK], token_endpoint_auth_method: 'none', ...more };
  const { status, body } = await post(`${url}/register`, { json });
  if (status !== 201) throw new Error(JSON.stringify(body));
  return body.client_id;
}

/** An authorization request with PKCE. A parameter that is '' is left out. */
export async function requestFor(
  url: string,
  client: string,
  more: Readonly<Record<string, string>> = {},
): Promise<{ address: URL; verifier: string }> {
  const verifier = oauth.generateRandomCodeVerifier();
  const address = new URL(`${url}/authorize`);
  for (const [name, value] of Object.entries({
    response_type: 'code',
    client_id: client,
    redirect_uri: CALLBACK,
    state: 'state-of-the-client',
    code_challenge: await oauth.calculatePKCECodeChallenge(verifier),
    code_challenge_method: 'S256',
    ...more,
  })) {
    if (value !== '') address.searchParams.set(name, value);
  }
  return { address, verifier };
}

/** A browser in which a user has signed in. */
export async function signedIn(
  url: string,
  user: { identifier: string; secret: string; organization?: string },
): Promise<Browser> {
  const browser = new Browser(url);
  const { identifier, secret, organization } = user;
  const typed = { identifier, secret, ...(organization !== undefined && { organization }) };
  const page = await browser.submit(await browser.open('/sign-in'), typed);
  if (page.status !== 200) throw new Error(page.text);
  return browser;
}

/** Signs in a client up to its tokens. */
export async function tokensFor(
  url: string,
  browser: Browser,
  client: string,
  more: Readonly<Record<string, string>> = {},
): Promise<Answered> {
  const { address, verifier } = await requestFor(url, client, more);
  const back = await browser.submit(await browser.open(address), { decision: 'allow' });
  const code = back.url.searchParams.get('code') ?? '';
  return post(`${url}/token`, {
    grant_type: 'authorization_code',
    client_id: client,
    code,
    code_verifier: verifier,
    redirect_uri: more.redirect_uri ?? CALLBACK,
  });
}

/** The plain text of a page. */
export const plain = ({ text }: Shown): string =>
  text
    .replace(/<style>.*?<\/style>/s, '')
    .replace(/<[^>]*>/g, ' ')
    .replace(/\s+/g, ' ');
