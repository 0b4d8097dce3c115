import { html } from 'hono/html';
import type { Page } from '../connect/layout.ts';

export type SignInForm = {
  readonly token: string;
  /** What has been typed, or came with the link. */
  readonly organization: string;
  readonly identifier: string;
  /** Whether there are several organizations, so that one must be named. */
  readonly asksOrganization: boolean;
  readonly problem?: string | undefined;
};

export function signInPage({ token, organization, identifier, asksOrganization, problem }: SignInForm): Page {
  const body = html`<div class="tie" aria-hidden="true"><span>T</span></div>
    <h1>Sign in to Tieline</h1>
    <p class="lead">With the identifier and the secret that you were given.</p>
    ${problem ? html`<p class="alert" role="alert">${problem}</p>` : ''}
    <form method="post" accept-charset="utf-8">
      <input type="hidden" name="token" value="${token}">
      ${
        asksOrganization
          ? html`<div class="field"><label for="organization">Organization</label>
        <input id="organization" name="organization" value="${organization}" autocomplete="organization" autocapitalize="none" spellcheck="false" required></div>`
          : ''
      }
      <div class="field"><label for="identifier">User</label>
        <input id="identifier" name="identifier" value="${identifier}" autocomplete="username" autocapitalize="none" spellcheck="false" required></div>
      <div class="field"><label for="secret">Secret</label>
        <input id="secret" name="secret" type="password" autocomplete="current-password" required></div>
      <div class="buttons"><button class="go">Sign in</button></div>
    </form>`;
  return { title: 'Sign in', body };
}

export function signedInPage(user: string): Page {
  const body = html`<div class="mark" aria-hidden="true">✓</div>
    <h1>You are signed in</h1>
    <p class="lead">As <b>${user}</b>. You may close this window.</p>`;
  return { title: 'Signed in', body };
}
