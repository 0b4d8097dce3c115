import { BoundedMap, bound, sizeOfText } from '../bounded.ts';
import type { Server } from '../connector/connector.ts';
import type { BodyPlan, RequestPlan } from '../connector/plan.ts';
import { TielineError } from '../errors.ts';
import type { Scripts } from '../expression/sandbox.ts';
import { compileTemplate, type Scope } from '../expression/template.ts';
import { formData, type Part } from '../network/form.ts';
import type { HttpRequest } from '../network/send.ts';
import { asFile, fileBytes, mimeTypeOf } from './file.ts';

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
  readonly page?: PageParts | undefined;
  readonly key?: RequestKey | undefined;
  readonly scripts?: Scripts | undefined;
};

/** The header by which a provider knows a request that comes again. */
export type RequestKey = { readonly header: string; readonly value: string };

/** The request that a call makes, still without the credential. Pure. Throws `arguments_invalid` or `target_forbidden`. */
export function buildRequest(input: BuildInput): HttpRequest {
  const { plan, server, scope, page, key, scripts } = input;
  const base = baseUrl(server, scope, scripts);
  const url =
    page?.url === undefined
      ? address(plan, base, scope, scripts, queryOf(input))
      : pageAddress(page.url, address(plan, base, scope, scripts));
  const body = (plan.body ?? page?.json) && buildBody(plan.body ?? NO_BODY, plan, scope, page, scripts);
  const headers: Record<string, string> = {
    accept: plan.stream ? 'text/event-stream, application/json;q=0.9, */*;q=0.5' : 'application/json, */*;q=0.5',
  };
  // A compressed stream would be understood at its end only.
  if (plan.stream) headers['accept-encoding'] = 'identity';
  headers['user-agent'] = 'tieline';
  if (body?.contentType !== undefined) headers['content-type'] = body.contentType;
  setHeaders(headers, server.headers.evaluate(scope, scripts) as object);
  setHeaders(headers, plan.headers.evaluate(scope, scripts) as object);
  if (page?.headers) setHeaders(headers, page.headers);
  if (key) headers[key.header.toLowerCase()] = key.value;
  return { method: plan.method, url, headers, ...(body && { body: body.content }) };
}

/** The server with its paths beginning elsewhere. */
export function withBase(server: Server, baseUrl: string | undefined): Server {
  if (baseUrl === undefined) return server;
  return { ...server, baseUrl: { ...server.baseUrl, evaluate: () => baseUrl } };
}

/** The address below which every request of an account stays. Shared, so not to be changed. */
export function baseUrl(server: Server, scope: Scope, scripts?: Scripts): URL {
  const text = server.baseUrl.evaluate(scope, scripts);
  const known = typeof text === 'string' ? bases.get(text) : undefined;
  if (known) return known;
  const base = readBase(text);
  bases.set(text as string, base);
  return base;
}

const BASES = bound({
  name: 'base URLs that were read',
  entries: 1_000,
  bytes: 1024 * 1024,
  atBound: 'the URL used longest ago is read again',
});
const bases = new BoundedMap<URL>(BASES, ({ href }) => 2 * sizeOfText(href));

function readBase(text: unknown): URL {
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

function address(plan: RequestPlan, base: URL, scope: Scope, scripts: Scripts | undefined, query?: string): URL {
  if ('url' in plan.target) {
    const text = plan.target.url.evaluate(scope, scripts);
    if (typeof text === 'string' && URL.canParse(text)) return withQuery(new URL(text), query);
    throw new TielineError('arguments_invalid', 'the request has no address');
  }
  const path = plan.target.path.evaluate(scope, scripts);
  const root = base.pathname.replace(/\/$/, '');
  const { origin } = base;
  const url = new URL(`${origin}${root}${path.startsWith('/') ? '' : '/'}${path}${query ? `?${query}` : ''}`);
  if (url.origin !== origin || !url.pathname.startsWith(`${root}/`) || /[?#]/.test(path)) {
    throw new TielineError('target_forbidden', 'the path leaves the base URL of the connector');
  }
  return url;
}

/** An address may have a query of its own, which stays. */
function withQuery(url: URL, query: string | undefined): URL {
  if (query && url.search !== '')
    for (const [name, text] of new URLSearchParams(query)) url.searchParams.append(name, text);
  else if (query) url.search = query;
  return url;
}

/** A next-page address comes from the provider, so it may only lead back to where the first page was. */
function pageAddress(next: string, first: URL): URL {
  const url = URL.canParse(next, first.href) ? new URL(next, first) : undefined;
  if (!url || url.origin !== first.origin || url.username || url.password) {
    throw new TielineError('target_forbidden', 'the next page is on another host');
  }
  return url;
}

/** All parameters of a request, as they stand in its address; empty for none. */
function queryOf({ plan, server, scope, page, scripts }: BuildInput): string {
  const [shared, given] = [server.query.evaluate(scope, scripts), plan.query.evaluate(scope, scripts)] as object[];
  const parameters = new URLSearchParams();
  for (const [name, value] of Object.entries({ ...shared, ...given, ...page?.query })) {
    if (typeof value === 'string') parameters.append(name, value);
    else for (const text of textsOf(`query parameter ${name}`, value, plan.includeEmpty)) parameters.append(name, text);
  }
  return parameters.toString();
}

/** The texts of a parameter: one for each item of a list, none for what is absent. Null is absent or empty. */
function textsOf(name: string, value: unknown, includeEmpty = false): string[] {
  if (typeof value === 'number' || typeof value === 'boolean') return [String(value)];
  return [value].flat().flatMap((it) => {
    if (it === null && includeEmpty) return [''];
    if (it === undefined || it === null) return [];
    if (typeof it === 'object') throw new TielineError('arguments_invalid', `${name} cannot hold an object`);
    return [String(it)];
  });
}

/** For a page parameter in the body of a request that has none by itself. */
const NO_BODY: BodyPlan = { kind: 'json', content: compileTemplate({}), contentType: undefined };

type Body = { readonly content: NonNullable<HttpRequest['body']>; readonly contentType: string | undefined };

function buildBody(
  plan: BodyPlan,
  { includeEmpty }: Pick<RequestPlan, 'includeEmpty'>,
  scope: Scope,
  page: PageParts | undefined,
  scripts: Scripts | undefined,
): Body {
  if (plan.kind === 'multipart') {
    const parts = plan.parts.flatMap((it): Part[] => {
      const value = it.value?.evaluate(scope, scripts);
      const given = it.file?.evaluate(scope, scripts) ?? undefined;
      if (given !== undefined) {
        const file = asFile(given);
        return [{ name: it.name, file: { name: file.name, mimeType: mimeTypeOf(file), bytes: fileBytes(file) } }];
      }
      return textsOf(`form field ${it.name}`, value, includeEmpty).map((text) => ({ name: it.name, value: text }));
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
    for (const [name, value] of Object.entries((content ?? {}) as Record<string, unknown>))
      for (const text of textsOf(`form field ${name}`, value, includeEmpty)) form.append(name, text);
    return { content: form.toString(), contentType: plan.contentType ?? 'application/x-www-form-urlencoded' };
  }
  const text = typeof content === 'object' && content !== null ? JSON.stringify(content) : String(content ?? '');
  return { content: text, contentType: plan.contentType ?? 'text/plain; charset=utf-8' };
}

/** Sets headers, their values as text; the sender refuses line breaks in them. One that is null is not sent. */
function setHeaders(headers: Record<string, string>, more: object): void {
  for (const [given, value] of Object.entries(more)) {
    const name = given.toLowerCase();
    if (value === undefined || value === null) delete headers[name];
    else if (typeof value !== 'object') headers[name] = String(value);
    else throw new TielineError('arguments_invalid', `header ${name} cannot hold an object`);
  }
}
