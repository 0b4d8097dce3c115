import type { RequestParts } from '../auth/type.ts';
import type { Server } from '../connector/connector.ts';
import type { BodyPlan, RequestPlan } from '../connector/plan.ts';
import { TielineError } from '../errors.ts';
import type { Scripts } from '../expression/sandbox.ts';
import type { Scope } from '../expression/template.ts';
import { formData, type Part } from '../network/form.ts';
import type { HttpRequest } from '../network/send.ts';
import { type FileValue, fileBytes, mimeTypeOf } from './file.ts';

/** What paging adds to a request, or the whole address where the provider gave that. */
export type PageParts = {
  readonly query?: Readonly<Record<string, string | number>>;
  readonly json?: Readonly<Record<string, string | number>>;
  readonly headers?: Readonly<Record<string, string>>;
  readonly url?: string;
};

export type BuildInput = {
  readonly plan: RequestPlan;
  readonly server: Server;
  readonly scope: Scope;
  readonly credential: RequestParts;
  readonly page?: PageParts | undefined;
  readonly scripts?: Scripts | undefined;
};

/** The exact request that a call makes. Pure. Throws `arguments_invalid` or `target_forbidden`. */
export function buildRequest(input: BuildInput): HttpRequest {
  const { plan, server, scope, credential, page, scripts } = input;
  const base = baseUrl(server, scope, scripts);
  const url = page?.url === undefined ? address(plan, base, scope, scripts) : pageAddress(page.url, base);
  if (page?.url === undefined) {
    const query = [server.query, plan.query].map((it) => it.evaluate(scope, scripts) as Record<string, unknown>);
    for (const [name, value] of Object.entries({ ...query[0], ...query[1], ...page?.query }))
      appendQuery(url, name, value);
  }
  for (const [name, value] of Object.entries(credential.query ?? {})) url.searchParams.set(name, value);
  const body = plan.body && buildBody(plan.body, scope, page, scripts);
  const headers = headerTexts({
    accept: 'application/json, */*;q=0.5',
    'user-agent': 'tieline',
    ...(body?.contentType !== undefined && { 'content-type': body.contentType }),
    ...lowerCase(server.headers.evaluate(scope, scripts)),
    ...lowerCase(plan.headers.evaluate(scope, scripts)),
    ...page?.headers,
    ...credential.headers,
  });
  return { method: plan.method, url, headers, ...(body && { body: body.content }) };
}

/** The address below which every request of an account stays. */
export function baseUrl(server: Server, scope: Scope, scripts?: Scripts): URL {
  const text = server.baseUrl.evaluate(scope, scripts);
  const base = typeof text === 'string' && URL.canParse(text) ? new URL(text) : undefined;
  if (
    !base ||
    !['http:', 'https:'].includes(base.protocol) ||
    base.username ||
    base.password ||
    base.search ||
    base.hash
  ) {
    throw new TielineError('arguments_invalid', 'the base URL of this account is not a plain web address', {
      hint: 'Connect the account again with an address such as https://api.example.com',
    });
  }
  return base;
}

function address(plan: RequestPlan, base: URL, scope: Scope, scripts: Scripts | undefined): URL {
  if ('url' in plan.target) {
    const text = plan.target.url.evaluate(scope, scripts);
    if (typeof text === 'string' && URL.canParse(text)) return new URL(text);
    throw new TielineError('arguments_invalid', 'the request has no address');
  }
  const path = plan.target.path.evaluate(scope, scripts);
  const root = base.pathname.replace(/\/$/, '');
  const url = new URL(base);
  url.pathname = `${root}${path.startsWith('/') ? '' : '/'}${path}`;
  if (url.origin !== base.origin || !url.pathname.startsWith(`${root}/`)) {
    throw new TielineError('target_forbidden', 'the path leaves the base URL of the connector');
  }
  return url;
}

/** A next-page address comes from the provider, so it may only lead back to the same place. */
function pageAddress(next: string, base: URL): URL {
  const url = URL.canParse(next, base.href) ? new URL(next, base) : undefined;
  if (!url || url.origin !== base.origin || url.username || url.password) {
    throw new TielineError('target_forbidden', 'the next page is on another host');
  }
  return url;
}

function appendQuery(url: URL, name: string, value: unknown): void {
  if (value === undefined || value === null) return;
  for (const it of Array.isArray(value) ? value : [value]) {
    if (it !== null && typeof it === 'object') {
      throw new TielineError('arguments_invalid', `query parameter ${name} cannot hold an object`);
    }
    if (it !== undefined && it !== null) url.searchParams.append(name, String(it));
  }
}

type Body = { readonly content: NonNullable<HttpRequest['body']>; readonly contentType: string | undefined };

function buildBody(plan: BodyPlan, scope: Scope, page: PageParts | undefined, scripts: Scripts | undefined): Body {
  if (plan.kind === 'multipart') {
    const parts = plan.parts.flatMap((it): Part[] => {
      const value = it.value?.evaluate(scope, scripts);
      const file = it.file?.evaluate(scope, scripts) as FileValue | undefined;
      if (file)
        return [{ name: it.name, file: { name: file.name, mimeType: mimeTypeOf(file), bytes: fileBytes(file) } }];
      return value === undefined || value === null ? [] : [{ name: it.name, value: String(value) }];
    });
    return { content: formData(parts), contentType: undefined };
  }
  const content = plan.content.evaluate(scope, scripts);
  if (plan.kind === 'json') {
    const merged = page?.json ? { ...(content as object), ...page.json } : (content ?? {});
    return { content: JSON.stringify(merged), contentType: plan.contentType ?? 'application/json' };
  }
  if (plan.kind === 'form') {
    const form = new URLSearchParams();
    for (const [name, value] of Object.entries((content ?? {}) as Record<string, unknown>)) {
      for (const it of Array.isArray(value) ? value : [value]) {
        if (it !== undefined && it !== null) form.append(name, String(it));
      }
    }
    return { content: form.toString(), contentType: plan.contentType ?? 'application/x-www-form-urlencoded' };
  }
  return { content: String(content ?? ''), contentType: plan.contentType ?? 'text/plain; charset=utf-8' };
}

function lowerCase(headers: unknown): Record<string, unknown> {
  return Object.fromEntries(Object.entries(headers as object).map(([name, value]) => [name.toLowerCase(), value]));
}

/** Header values as text; the sender refuses line breaks in them. */
function headerTexts(headers: Readonly<Record<string, unknown>>): Record<string, string> {
  const texts: Record<string, string> = {};
  for (const [name, value] of Object.entries(headers)) {
    if (value === undefined || value === null) continue;
    if (typeof value === 'object') throw new TielineError('arguments_invalid', `header ${name} cannot hold an object`);
    texts[name] = String(value);
  }
  return texts;
}
