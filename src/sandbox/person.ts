import { CookieJar } from './cookies.ts';

export type SignInOptions = {
  /** What the person answers on the consent page; default `allow`. */
  readonly decision?: 'allow' | 'deny';
  /** Also fetch the last URL, as a browser does; default false. */
  readonly deliver?: boolean;
  /** The cookies of the browser to use; default a new browser. */
  readonly cookies?: CookieJar;
};

const MOST_STEPS = 20;

type Button = { readonly method: string; readonly action: string; readonly fields: URLSearchParams };

/**
 * Acts as this person's browser: opens the URL, follows redirects with cookies, chooses the person, answers the consent
 * page. The URL is the provider's authorization URL or a page that leads there.
 *
 * Returns the URL at which the client receives the answer (`?code=…&state=…`, or `?error=access_denied…`). Throws a plain
 * Error that quotes the page when the sandbox shows neither of its forms.
 */
export async function signIn(authorizationUrl: string, personId: string, options: SignInOptions = {}): Promise<string> {
  const { decision = 'allow', deliver = false, cookies = new CookieJar() } = options;
  let request: { url: URL; body?: URLSearchParams } = { url: new URL(authorizationUrl) };
  let clientUri: string | undefined;

  for (let step = 0; step < MOST_STEPS; step++) {
    clientUri = request.url.searchParams.get('redirect_uri') ?? clientUri;
    const response = await send(request.url, cookies, request.body);
    const page = await response.text();
    const location = response.headers.get('location');
    if (location !== null) {
      const next = new URL(location, request.url);
      if (clientUri !== undefined && `${next.origin}${next.pathname}` === clientUri) {
        if (deliver) await (await send(next, cookies)).text();
        return next.href;
      }
      request = { url: next };
      continue;
    }
    const button = findButton(page, 'person', personId) ?? findButton(page, 'decision', decision);
    if (!button) throw new Error(`no button for "${personId}" on ${request.url.pathname}: ${plain(page)}`);
    request = press(button, request.url);
  }
  throw new Error(`the sign-in did not end within ${MOST_STEPS} steps`);
}

async function send(url: URL, cookies: CookieJar, body?: URLSearchParams): Promise<Response> {
  const headers = { accept: 'text/html', cookie: cookies.headerFor(url) };
  const init = body === undefined ? { headers } : { method: 'POST', headers, body };
  const response = await fetch(url, { ...init, redirect: 'manual' });
  cookies.keep(url, response.headers.getSetCookie());
  return response;
}

function press({ method, action, fields }: Button, page: URL): { url: URL; body?: URLSearchParams } {
  const url = new URL(action, page);
  if (method === 'post') return { url, body: fields };
  url.search = fields.toString();
  return { url };
}

/** The form that holds this button. Enough HTML for the sandbox's own pages, whose attributes are all quoted. */
function findButton(page: string, name: string, value: string): Button | undefined {
  for (const [, attributes = '', content = ''] of page.matchAll(/<form ([^>]*)>(.*?)<\/form>/gs)) {
    const buttons = elements(content, 'button');
    if (!buttons.some((it) => it.name === name && it.value === value)) continue;
    const { method = 'get', action = '' } = attributesOf(attributes);
    const fields = new URLSearchParams([[name, value]]);
    for (const input of elements(content, 'input')) fields.set(input.name ?? '', input.value ?? '');
    return { method, action, fields };
  }
  return undefined;
}

function elements(content: string, tag: 'button' | 'input'): Record<string, string>[] {
  return [...content.matchAll(new RegExp(`<${tag} ([^>]*)>`, 'g'))].map(([, text = '']) => attributesOf(text));
}

function attributesOf(text: string): Record<string, string> {
  const pairs = [...text.matchAll(/([\w-]+)="([^"]*)"/g)];
  return Object.fromEntries(pairs.map(([, name = '', value = '']) => [name, decodeEntities(value)]));
}

function decodeEntities(text: string): string {
  return text
    .replace(/&(lt|gt|quot|#39);/g, (_, entity: string) => ({ lt: '<', gt: '>', quot: '"' })[entity] ?? "'")
    .replaceAll('&amp;', '&');
}

function plain(page: string): string {
  return page
    .replace(/<style>.*?<\/style>/s, '')
    .replace(/<[^>]*>/g, ' ')
    .replace(/\s+/g, ' ')
    .trim()
    .slice(0, 300);
}
