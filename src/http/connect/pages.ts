import { html } from 'hono/html';
import { inputSchema } from '../../auth/types.ts';
import { webAddress } from '../../auth/webaddress.ts';
import type { AuthOption, Connector } from '../../connector/connector.ts';
import { formOf } from '../../connector/schema.ts';
import type { Values } from '../../connector/values.ts';
import type { DeviceWait } from '../../execute/authorization.ts';
import { signInKind } from '../../execute/signin.ts';
import { withoutTokens } from '../../tokenshape.ts';
import { formFields, type Typed } from './form.ts';
import type { Html, Page } from './layout.ts';

/** Who asks, and for whom. */
export type Asker = {
  readonly organization: string;
  readonly user: string;
  /** Name of the MCP client. */
  readonly client: string | undefined;
  readonly isReconnect: boolean;
};

export type Consent = Asker & {
  readonly connector: Connector;
  readonly choices: readonly AuthOption[];
  readonly option: AuthOption;
  readonly given: Values;
  readonly typed: Typed;
  readonly token: string;
  readonly problem?: string | undefined;
  /** Present where the person had to sign in to Tieline first. */
  readonly signOutUrl?: string | undefined;
  readonly formTargets: readonly string[];
};

/** What a person reads before anything is started, and the form that starts it. */
export function consentPage(it: Consent): Page {
  const { connector, option, organization, user, client } = it;
  const { title } = connector;
  const heading = `${it.isReconnect ? 'Reconnect' : 'Connect'} ${title}`;
  const asks =
    client === undefined ? html`<b>${organization}</b>` : html`<b>${client}</b>, through <b>${organization}</b>,`;
  const purpose = it.isReconnect ? `to use your ${title} account again` : `to use your ${title} account`;
  const hasForm = Object.keys(formOf(inputSchema(option)).fields).length > 0;
  const body = html`${tie(organization, title)}
    <h1>${heading}</h1>
    <p class="lead">${asks} asks ${purpose}, for its user <b>${user}</b>.${it.signOutUrl ? html`<br>You are signed in as <b>${user}</b>. <a href="${it.signOutUrl}">Sign out</a>` : ''}</p>
    ${it.problem ? html`<p class="alert" role="alert">${it.problem}</p>` : ''}
    ${it.choices.length > 1 ? ways(it.choices, option) : ''}
    ${scopesOf(option)}
    <form method="post" accept-charset="utf-8">
      <input type="hidden" name="token" value="${it.token}">
      <input type="hidden" name="option" value="${option.key}">
      ${hasForm ? html`<section><h2>${option.spec.title}</h2>${about(option)}${formFields(option, it.given, it.typed)}</section>` : about(option)}
      <div class="buttons">
        <button class="go" name="decision" value="continue">${signInKind(option) === undefined ? 'Connect' : `Continue to ${title}`}</button>
        <button class="no" name="decision" value="cancel" formnovalidate>Cancel</button>
      </div>
    </form>`;
  return { title: heading, body, formTargets: it.formTargets };
}

function ways(choices: readonly AuthOption[], chosen: AuthOption): Html {
  return html`<nav class="ways" aria-label="Ways to connect">
    ${choices.map(
      (it) =>
        html`<a href="?option=${it.key}" ${it.key === chosen.key ? html`aria-current="true"` : ''}>${it.spec.title}</a>`,
    )}
  </nav>`;
}

function about({ spec: { ui } }: AuthOption): Html {
  const help = webAddress(ui.helpUri);
  return html`${ui.description ? html`<p class="about">${ui.description}</p>` : ''}
    ${help ? html`<p class="about"><a href="${help.href}" target="_blank" rel="noopener noreferrer">Where to find this</a></p>` : ''}`;
}

function scopesOf({ spec }: AuthOption): Html | string {
  if (spec.type !== 'oauth2' || spec.scopes.length === 0) return '';
  return html`<section><h2>The access that is asked for</h2>
    <ul class="scopes">${spec.scopes.map((it) => html`<li><code>${it}</code></li>`)}</ul></section>`;
}

/** The code to type on another device. The page loads again until that has been done. */
export function devicePage({ title }: Connector, { pending: { started }, interval }: DeviceWait): Page {
  const address = started.completeUri ?? started.verificationUri;
  const body = html`<h1>Sign in at ${title}</h1>
    <p class="lead">Open the page of ${title}, on this or any other device, and enter this code:</p>
    <output class="code">${started.userCode}</output>
    <div class="buttons"><a class="button go" href="${address}" target="_blank" rel="noopener noreferrer">Open ${new URL(address).host}</a></div>
    <p class="small address">${started.verificationUri}</p>
    <p class="wait" role="status">Waiting for the sign-in…</p>`;
  return { title: `Sign in at ${title}`, body, refresh: { seconds: Math.max(2, Math.ceil(interval)) } };
}

export type Done = { readonly title: string; readonly account: string | undefined; readonly next: URL | undefined };

/** It worked. Goes on to where the program wants the person back, if it has said. */
export function donePage({ title, account, next }: Done): Page {
  const as = account === undefined ? 'It can be used now.' : html`Connected as <b>${withoutTokens(account)}</b>.`;
  const back = next
    ? html`<div class="buttons"><a class="button go" href="${next.href}">Back to ${next.host}</a></div>`
    : html`<p class="lead">You may close this window.</p>`;
  const body = html`<div class="mark" aria-hidden="true">✓</div>
    <h1>${title} is connected</h1>
    <p class="lead">${as}</p>
    ${back}`;
  return { title: `${title} is connected`, body, ...(next && { refresh: { seconds: 1, url: next.href } }) };
}

export type Failure = {
  readonly heading: string;
  readonly text: string;
  readonly hint?: string | undefined;
  readonly next?: URL | undefined;
};

export function failurePage({ heading, text, hint, next }: Failure): Page {
  const body = html`<div class="mark bad" aria-hidden="true">!</div>
    <h1>${heading}</h1>
    <p class="lead">${withoutTokens(text)}</p>
    ${hint ? html`<p class="lead">${withoutTokens(hint)}</p>` : ''}
    ${next ? html`<div class="buttons"><a class="button go" href="${next.href}">Back to ${next.host}</a></div>` : ''}`;
  return { title: heading, body, ...(next && { refresh: { seconds: 3, url: next.href } }) };
}

/** Two that are tied together, by their first letters. */
function tie(organization: string, connector: string): Html {
  const letter = (name: string) => [...name][0]?.toUpperCase() ?? '';
  return html`<div class="tie" aria-hidden="true"><span>${letter(organization)}</span><i></i><span>${letter(connector)}</span></div>`;
}
