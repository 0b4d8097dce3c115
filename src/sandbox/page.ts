import { html } from 'hono/html';
import type { HtmlEscapedString } from 'hono/utils/html';
import type { Person } from './data.ts';

export type Page = HtmlEscapedString | Promise<HtmlEscapedString>;

/** No script at all; no `form-action`, because browsers apply it to the redirect back to the client too. */
export const PAGE_HEADERS = {
  'content-security-policy': "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'",
  'cache-control': 'no-store',
  'referrer-policy': 'no-referrer',
} as const;

const SCOPE_MEANING: Readonly<Record<string, string>> = {
  read: 'see your tickets, messages and files',
  write: 'create, change and delete them',
  openid: 'know who you are',
  profile: 'see your name',
  email: 'see your e-mail address',
  offline_access: 'keep access while you are away',
};

/** "Choose who you are": one button per person. */
export function chooserPage(action: string, people: readonly Person[], clientName: string): Page {
  return page(
    'Choose who you are',
    html`<p><b>${clientName}</b> asks you to sign in to the Tieline sandbox. No password: these people are made up.</p>
      ${people.map(
        (person) => html`<form method="get" action="${action}">
          <button name="person" value="${person.id}"><b>${person.name}</b><br>${person.email}</button>
        </form>`,
      )}`,
  );
}

export type ConsentRequest = {
  readonly action: string;
  readonly person: Person;
  readonly clientName: string;
  readonly scopes: readonly string[];
  /** The host and port the person is sent back to. */
  readonly returnsTo: string;
};

/** Names the client, what it asks for and where the person is sent next. */
export function consentPage({ action, person, clientName, scopes, returnsTo }: ConsentRequest): Page {
  return page(
    `Allow ${clientName}?`,
    html`<p>Signed in as <b>${person.name}</b> (${person.email}). <b>${clientName}</b> wants to:</p>
      <ul>${scopes.map((scope) => html`<li>${SCOPE_MEANING[scope] ?? scope} <code>${scope}</code></li>`)}</ul>
      <p>You are then sent back to <code>${returnsTo}</code>.</p>
      <form method="post" action="${action}">
        <input type="hidden" name="person" value="${person.id}">
        <button name="decision" value="allow"><b>Allow</b></button>
        <button name="decision" value="deny">Do not allow</button>
      </form>`,
  );
}

export function failurePage(message: string): Page {
  return page('This did not work', html`<p>${message}</p><p>Start again from the application you came from.</p>`);
}

function page(title: string, body: Page): Page {
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title} – Tieline sandbox</title>
<style>
  :root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; }
  main { max-width: 28rem; margin: 12vh auto 0; padding: 0 1rem; }
  h1 { font-size: 1.4rem; }
  button { font: inherit; text-align: left; width: 100%; margin: 0.25rem 0; padding: 0.75rem 1rem;
    border: 1px solid #8886; border-radius: 0.5rem; background: #8881; color: inherit; cursor: pointer; }
  button:hover, button:focus-visible { background: #8883; }
</style>
</head>
<body><main><h1>${title}</h1>${body}</main></body>
</html>`;
}
