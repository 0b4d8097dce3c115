import { html } from 'hono/html';
import type { Scope } from '../../integration/principal.ts';
import type { Html, Page } from '../connect/layout.ts';
import { LOOPBACK } from '../hosts.ts';

/** How it is known who a client is. */
export type Vouched =
  | { readonly by: 'operator' }
  /** A client ID metadata document, at this host. */
  | { readonly by: 'document'; readonly host: string }
  | { readonly by: 'nobody' };

export type ConsentRequest = {
  readonly client: string;
  readonly vouched: Vouched;
  readonly redirectUri: string;
  readonly scopes: readonly Scope[];
  /** What people call a connector. */
  readonly titleOf: (connector: string) => string;
  /** Identifier of who is signed in. */
  readonly user: string;
  readonly organization: string;
  readonly token: string;
  /** Where to sign in as somebody else. */
  readonly signInUrl: string;
  readonly signOutUrl: string;
};

type Meaning = { readonly what: string; readonly about: string };

const WIDE: Readonly<Record<string, Meaning>> = {
  read: { what: 'Look things up', about: 'with the accounts that you have connected' },
  write: { what: 'Create, change and delete things', about: 'in the accounts that you have connected' },
  manage: { what: 'Manage your accounts', about: 'connect new ones, and remove or rename those that are there' },
};

function meaningOf(scope: Scope, titleOf: ConsentRequest['titleOf']): Meaning {
  const wide = WIDE[scope];
  if (wide) return wide;
  const [connector = '', right = ''] = scope.split(':');
  const title = titleOf(connector);
  const [what, preposition] =
    right === 'read' ? ['look things up', 'with'] : ['create, change and delete things', 'in'];
  return { what: `${title}: ${what}`, about: `${preposition} the accounts of ${title} that you have connected` };
}

/** What a person reads before a client may act for them. */
export function consentPage(it: ConsentRequest): Page {
  const { client, scopes, titleOf, user, organization } = it;
  const back = new URL(it.redirectUri);
  const body = html`<div class="tie" aria-hidden="true"><span>${letter(client)}</span><i></i><span>T</span></div>
    <h1>Allow ${client}?</h1>
    <p class="lead">It asks to use Tieline as <b>${user}</b> of <b>${organization}</b>.<br><a href="${it.signInUrl}">Use another account</a> · <a href="${it.signOutUrl}">Sign out</a></p>
    <section><h2>It will be able to</h2>
      <ul class="scopes">${scopes.map((scope) => shown(meaningOf(scope, titleOf)))}</ul>
    </section>
    <section><h2>You are sent back to</h2>
      <p><code>${placeOf(back)}</code></p>
      ${origin(it.vouched)}
    </section>
    ${warning(back, it.vouched)}
    <form method="post" accept-charset="utf-8">
      <input type="hidden" name="token" value="${it.token}">
      <div class="buttons">
        <button class="go" name="decision" value="allow">Allow</button>
        <button class="no" name="decision" value="deny">Do not allow</button>
      </div>
    </form>`;
  return { title: `Allow ${client}?`, body, formTargets: [sourceOf(back)] };
}

const shown = ({ what, about }: Meaning): Html => html`<li><b>${what}</b><br><small>${about}</small></li>`;

const letter = (name: string): string => [...name][0]?.toUpperCase() ?? '?';

const isLocal = (url: URL): boolean => url.protocol === 'http:' && LOOPBACK.includes(url.hostname);

const isApp = (url: URL): boolean => !/^https?:$/.test(url.protocol);

/** Where a browser goes next, without what only the client reads. */
const placeOf = (url: URL): string => (isApp(url) ? `${url.protocol}//${url.host}` : url.host);

/** The place as a source of CSP, which has no way to write an IPv6 address. */
const sourceOf = (url: URL): string => (isApp(url) || url.hostname.startsWith('[') ? url.protocol : url.origin);

function origin(vouched: Vouched): Html {
  switch (vouched.by) {
    case 'operator':
      return html`<p class="small">Those who run this server have registered it.</p>`;
    case 'document':
      return html`<p class="small">The name is that of a client of <b>${vouched.host}</b>.</p>`;
    case 'nobody':
      return html`<p class="small">It has registered itself; nobody has checked its name.</p>`;
  }
}

function warning(back: URL, vouched: Vouched): Html | '' {
  if (vouched.by === 'operator') return '';
  if (isLocal(back) || isApp(back)) {
    const where = isApp(back) ? 'an app on your device' : 'a program on your computer';
    return html`<p class="alert" role="note">Access goes to ${where}, and any can use this name. Allow it only if you have just begun to sign in there yourself.</p>`;
  }
  if (vouched.by === 'document') return '';
  return html`<p class="alert" role="note">Allow it only if you know <b>${back.host}</b> and have just begun to sign in there yourself.</p>`;
}
