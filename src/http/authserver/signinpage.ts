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

export function signedInPage({ user, signOutUrl }: { readonly user: string; readonly signOutUrl: string }): Page {
  const body = html`<div class="mark" aria-hidden="true">✓</div>
    <h1>You are signed in</h1>
    <p class="lead">As <b>${user}</b>. You may close this window.<br><a href="${signOutUrl}">Sign out</a></p>`;
  return { title: 'Signed in', body };
}

export function signOutPage({ user, token }: { readonly user: string; readonly token: string }): Page {
  const body = html`<div class="tie" aria-hidden="true"><span>T</span></div>
    <h1>Sign out of Tieline</h1>
    <p class="lead">You are signed in as <b>${user}</b> in this browser. What you have allowed programs stays.</p>
    <form method="post" accept-charset="utf-8">
      <input type="hidden" name="token" value="${token}">
      <div class="buttons"><button class="go">Sign out</button></div>
    </form>`;
  return { title: 'Sign out', body };
}

export type SignedOut = {
  readonly signInUrl: string;
  /** Whether users sign in at a provider, which does not know that they have signed out here. */
  readonly isElsewhere: boolean;
};

export function signedOutPage({ signInUrl, isElsewhere }: SignedOut): Page {
  const body = html`<div class="mark" aria-hidden="true">✓</div>
    <h1>You are signed out</h1>
    <p class="lead">Of Tieline, in this browser.${isElsewhere ? ' At the provider where you signed in you may still be signed in.' : ''}
      <br><a href="${signInUrl}">Sign in</a></p>`;
  return { title: 'Signed out', body };
}
