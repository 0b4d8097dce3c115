import { createHash } from 'node:crypto';
import type { Context } from 'hono';
import { html, raw } from 'hono/html';
import type { HtmlEscapedString } from 'hono/utils/html';
import type { ContentfulStatusCode } from 'hono/utils/http-status';
import type { Env } from '../context.ts';
import { STYLE } from './style.ts';

export type Html = HtmlEscapedString | Promise<HtmlEscapedString>;

export type Page = {
  readonly title: string;
  readonly body: Html;
  /** Goes elsewhere after some seconds, or loads again. */
  readonly refresh?: { readonly seconds: number; readonly url?: string } | undefined;
  /** Where its forms may lead besides this server, as CSP sources. */
  readonly formTargets?: readonly string[] | undefined;
};

const STYLE_HASH = `'sha256-${createHash('sha256').update(STYLE, 'utf8').digest('base64')}'`;

/** A page of the connect flow: no script at all, in no frame, and kept by no cache. */
export async function showPage(context: Context<Env>, page: Page, status = 200): Promise<Response> {
  const policy = [
    "default-src 'none'",
    `style-src ${STYLE_HASH}`,
    `form-action ${["'self'", ...(page.formTargets ?? [])].join(' ')}`,
    "base-uri 'none'",
    "frame-ancestors 'none'",
  ];
  context.header('content-security-policy', policy.join('; '));
  context.header('cache-control', 'no-store');
  return context.html(await layout(page), status as ContentfulStatusCode);
}

const layout = ({ title, body, refresh }: Page): Html => html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
${refresh ? html`<meta http-equiv="refresh" content="${refresh.seconds}${refresh.url === undefined ? '' : `;url=${refresh.url}`}">` : ''}
<title>${title}</title>
<style>${raw(STYLE)}</style>
</head>
<body><main><div class="card">${body}</div>
<footer>Tieline keeps credentials encrypted and never shows them again.</footer></main></body>
</html>`;
